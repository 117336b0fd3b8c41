// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Logger } from '#libs/observability';
import { Database, UnitOfWork } from '#libs/persistence';
import { GatewaySettings } from '../config';
import { GatewayMetrics } from '../gateway.metrics';

/** What the background use cases of deployments stand on. */
@Injectable()
export class DeploymentInfrastructure {
  constructor(
    readonly database: Database,
    readonly unitOfWork: UnitOfWork,
    readonly settings: GatewaySettings,
    readonly logger: Logger,
    readonly metrics: GatewayMetrics,
  ) {}
}
