// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { toAppError } from '#libs/errors';
import { Database, UnitOfWork } from '#libs/persistence';
import { backOffMs } from '../deployments/deployment';
import { EndpointTransitions } from '../rollouts/endpoint-transitions';
import { modelUri, type Endpoint, type ModelReference } from './endpoint';
import { EndpointsRepository, type ResolveTask } from './endpoints.repository';
import { ModelDirectory } from './model-directory';

const CLAIM_COUNT = 10;
const AGAIN_IN_SECONDS = 15;

/**
 * Asks the registry what new endpoints shall serve, until it knows or an alias event says so first. An answer that arrives after
 * such an event is older than the event and is dropped.
 */
@Injectable()
export class ResolveEndpoints {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly directory: ModelDirectory,
    private readonly transitions: EndpointTransitions,
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  /** One round; true when there may be more. */
  async execute(): Promise<boolean> {
    const claim = { count: CLAIM_COUNT, againInSeconds: AGAIN_IN_SECONDS };
    const tasks = await this.endpoints.claimUnresolved(this.database, claim);
    for (const task of tasks) await this.resolve(task);
    return tasks.length === CLAIM_COUNT;
  }

  private async resolve(task: ResolveTask): Promise<void> {
    const endpoint = await this.endpoints.find(this.database, task.workspace, task.name);
    if (!endpoint) return;
    const again = (problem: string): Promise<void> =>
      this.endpoints.resolveLater(this.database, task, { problem, inMs: backOffMs(task.attempts, Math.random) });
    let version;
    try {
      version = await this.directory.resolve(task.workspace, referenceOf(endpoint));
    } catch (error) {
      return again(`the registry did not answer: ${toAppError(error).message}`);
    }
    if (!version) return again(`${modelUri(endpoint)} does not exist yet`);
    if (version.manifestDigest === '') return again(`version ${version.version} has no model manifest and cannot be served`);
    const target = { ...version, direct: true };
    await this.unitOfWork.run(
      async (tx) => {
        const locked = await this.endpoints.lock(tx, task.workspace, task.name);
        if (!locked) return;
        await this.endpoints.resolved(tx, task.workspace, task.name);
        if (locked.aliasSequence > 0 || locked.serving || locked.pending) return;
        await this.transitions.aim(tx, locked, target, { verdictId: '', actor: 'service:gateway', reason: 'endpoint created' });
      },
      { label: 'resolve endpoint' },
    );
  }
}

function referenceOf(endpoint: Endpoint): ModelReference {
  const { modelName, alias, pinnedVersion } = endpoint;
  return alias === undefined ? { modelName, version: pinnedVersion! } : { modelName, alias };
}
