// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { toAppError } from '#libs/errors';
import type { Deployment } from './deployment';
import { DeploymentsRepository } from './deployments.repository';
import { DeploymentInfrastructure } from './deployment-infrastructure';
import { ModelBackend } from './model-backend';
import { RoutingStore } from '../routing/routing-store';

/** Finds versions that a backend has lost (it was restarted, or dropped them for lack of memory) and has them loaded again. */
@Injectable()
export class CheckBackends {
  private readonly silent = new Set<string>();

  constructor(
    private readonly deployments: DeploymentsRepository,
    private readonly backend: ModelBackend,
    private readonly routing: RoutingStore,
    private readonly infrastructure: DeploymentInfrastructure,
  ) {}

  /** Returns how many were lost. */
  async execute(): Promise<number> {
    const ready = await this.deployments.listReady(this.infrastructure.database);
    let lost = 0;
    for (const backendUrl of new Set(ready.map((deployment) => deployment.backendUrl))) {
      const loaded = await this.listOf(backendUrl);
      if (!loaded) continue;
      const missing = ready.filter((deployment) => deployment.backendUrl === backendUrl && !loaded.has(deployment.id));
      for (const deployment of missing) lost += (await this.reload(deployment)) ? 1 : 0;
    }
    return lost;
  }

  // A backend that does not answer may still hold its models: nothing is known, nothing is changed. Said once per outage.
  private async listOf(backendUrl: string): Promise<Set<string> | undefined> {
    const { logger } = this.infrastructure;
    try {
      const loaded = await this.backend.list(backendUrl);
      if (this.silent.delete(backendUrl)) logger.info({ backendUrl }, 'backend answers again');
      return loaded;
    } catch (error) {
      if (!this.silent.has(backendUrl)) logger.warn({ backendUrl, reason: toAppError(error).message }, 'backend does not answer');
      this.silent.add(backendUrl);
      return undefined;
    }
  }

  private async reload(deployment: Deployment): Promise<boolean> {
    const { unitOfWork, logger } = this.infrastructure;
    const lost = await unitOfWork.run(
      async (tx) => {
        const marked = await this.deployments.markLost(tx, deployment);
        if (marked) await this.routing.changed(tx);
        return marked;
      },
      { label: 'deployment lost' },
    );
    if (lost) logger.warn({ workspace: deployment.workspace, deployment: deployment.id }, 'backend lost a version');
    return lost;
  }
}
