// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { toAppError } from '#libs/errors';
import { EndpointsRepository } from '../endpoints/endpoints.repository';
import { EndpointTransitions } from '../rollouts/endpoint-transitions';
import { RoutingStore } from '../routing/routing-store';
import { backOffMs } from './deployment';
import { DeploymentInfrastructure } from './deployment-infrastructure';
import { DeploymentsRepository, type ClaimedDeployment } from './deployments.repository';
import { ModelBackend } from './model-backend';

const CLAIM_COUNT = 4;

/** Carries out due intents: loads and unloads versions, again and again until it succeeds, however often the process dies between. */
@Injectable()
export class DriveDeployments {
  /** 0 to 1; a seeded one in the simulator. */
  random: () => number = Math.random;

  constructor(
    private readonly deployments: DeploymentsRepository,
    private readonly endpoints: EndpointsRepository,
    private readonly transitions: EndpointTransitions,
    private readonly backend: ModelBackend,
    private readonly routing: RoutingStore,
    private readonly infrastructure: DeploymentInfrastructure,
  ) {}

  /** One round; true when there may be more due. */
  async execute(): Promise<boolean> {
    const { database, settings } = this.infrastructure;
    const claim = { count: CLAIM_COUNT, leaseSeconds: settings.deploymentLeaseSeconds };
    const claimed = await this.deployments.claimDue(database, claim);
    await Promise.all(claimed.map((deployment) => this.drive(deployment)));
    return claimed.length === CLAIM_COUNT;
  }

  private async drive(claimed: ClaimedDeployment): Promise<void> {
    const { logger, metrics } = this.infrastructure;
    const { workspace, id, task } = claimed;
    try {
      if (task === 'load') await this.backend.load(claimed.backendUrl, id, claimed.manifestDigest);
      else await this.backend.unload(claimed.backendUrl, id);
    } catch (error) {
      const { message, code } = toAppError(error);
      metrics.deploymentTasks.inc({ task, outcome: 'failed' });
      logger.warn(
        { workspace, deployment: id, task, code, attempts: claimed.attempts, reason: message },
        'deployment task failed',
      );
      await this.recordFailure(claimed, message);
      return;
    }
    metrics.deploymentTasks.inc({ task, outcome: 'ok' });
    const current = await this.recordSuccess(claimed);
    logger.info({ workspace, deployment: id, task, current }, 'deployment task done');
  }

  private recordSuccess(claimed: ClaimedDeployment): Promise<boolean> {
    return this.infrastructure.unitOfWork.run(
      async (tx) => {
        // Endpoints first, deployments second: the order of every other transaction.
        const waiting = claimed.task === 'load' ? await this.endpoints.lockWaiting(tx, claimed) : [];
        const current = await this.deployments.succeed(tx, claimed);
        if (!current) return false;
        for (const endpoint of waiting) await this.transitions.enter(tx, endpoint);
        await this.routing.changed(tx);
        return true;
      },
      { label: 'deployment done' },
    );
  }

  private recordFailure(claimed: ClaimedDeployment, problem: string): Promise<void> {
    return this.infrastructure.unitOfWork.run(
      async (tx) => {
        const waiting = claimed.task === 'load' ? await this.endpoints.lockWaiting(tx, claimed) : [];
        const retryInMs = backOffMs(claimed.attempts, this.random);
        const held = await this.deployments.fail(tx, claimed, { problem, retryInMs });
        if (!held) return;
        for (const endpoint of waiting) await this.endpoints.save(tx, { ...endpoint, problem });
      },
      { label: 'deployment failed' },
    );
  }
}
