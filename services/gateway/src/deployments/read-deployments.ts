// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database, pageSize } from '#libs/persistence';
import { DeploymentsRepository, type DeploymentPage } from './deployments.repository';

/** Lists deployments of one workspace. */
@Injectable()
export class ReadDeployments {
  constructor(
    private readonly deployments: DeploymentsRepository,
    private readonly database: Database,
  ) {}

  execute(workspace: string, query: { modelName?: string; pageSize?: number; pageToken?: string }): Promise<DeploymentPage> {
    const page = { size: pageSize(query.pageSize), token: query.pageToken ?? '', modelName: query.modelName ?? '' };
    return this.deployments.list(this.database, workspace, page);
  }
}
