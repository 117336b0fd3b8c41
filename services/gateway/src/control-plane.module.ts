// SPDX-License-Identifier: Apache-2.0
import { Injectable, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { HealthRegistry, ShutdownSequence } from '#libs/observability';
import { GatewaySettings } from './config';
import { BackendAccess } from './deployments/backend-access';
import { BackendPools } from './deployments/backend-pools';
import { CheckBackends } from './deployments/check-backends';
import { DeploymentSweeper } from './deployments/deployment-sweeper';
import { DeploymentsHttp } from './deployments/deployments.http';
import { DeploymentsRepository } from './deployments/deployments.repository';
import { PgDeploymentsRepository } from './deployments/deployments.typeorm';
import { DeploymentInfrastructure } from './deployments/deployment-infrastructure';
import { DriveDeployments } from './deployments/drive-deployments';
import { DueWorkRepository } from './deployments/due-work.repository';
import { PgDueWorkRepository } from './deployments/due-work.typeorm';
import { ModelBackend } from './deployments/model-backend';
import { ReadDeployments } from './deployments/read-deployments';
import { RuntimeBackend } from './deployments/runtime-backend';
import { CreateEndpoint } from './endpoints/create-endpoint';
import { DeleteEndpoint } from './endpoints/delete-endpoint';
import { EndpointsGrpc } from './endpoints/endpoints.grpc';
import { EndpointsHttp } from './endpoints/endpoints.http';
import { EndpointsRepository } from './endpoints/endpoints.repository';
import { PgEndpointsRepository } from './endpoints/endpoints.typeorm';
import { ModelDirectory } from './endpoints/model-directory';
import { ReadEndpoints } from './endpoints/read-endpoints';
import { RegistryDirectory } from './endpoints/registry-directory';
import { ResolveEndpoints } from './endpoints/resolve-endpoints';
import { UpdateEndpoint } from './endpoints/update-endpoint';
import { GatewayMetrics } from './gateway.metrics';
import { AliasesConsumer } from './rollouts/aliases.consumer';
import { DecideRollout } from './rollouts/decide-rollout';
import { EndRollout } from './rollouts/end-rollout';
import { EndpointTransitions } from './rollouts/endpoint-transitions';
import { FollowAlias } from './rollouts/follow-alias';
import { ReadRollouts } from './rollouts/read-rollouts';
import { RolloutsGrpc } from './rollouts/rollouts.grpc';
import { RolloutsHttp } from './rollouts/rollouts.http';
import { RolloutsMetrics } from './rollouts/rollouts.metrics';
import { RolloutsRepository } from './rollouts/rollouts.repository';
import { PgRolloutsRepository } from './rollouts/rollouts.typeorm';
import { VerdictsConsumer } from './rollouts/verdicts.consumer';
import { RoutingRepository } from './routing/routing.repository';
import { RoutingStore } from './routing/routing-store';
import { PgRoutingRepository } from './routing/routing.typeorm';

const stores = [
  { provide: EndpointsRepository, useClass: PgEndpointsRepository },
  { provide: RolloutsRepository, useClass: PgRolloutsRepository },
  { provide: DeploymentsRepository, useClass: PgDeploymentsRepository },
  { provide: DueWorkRepository, useClass: PgDueWorkRepository },
  { provide: RoutingRepository, useClass: PgRoutingRepository },
];
const neighbours = [
  { provide: ModelBackend, useClass: RuntimeBackend },
  { provide: ModelDirectory, useClass: RegistryDirectory },
];
const endpoints = [CreateEndpoint, UpdateEndpoint, DeleteEndpoint, ReadEndpoints, ResolveEndpoints, EndpointsGrpc];
const rollouts = [
  EndpointTransitions,
  FollowAlias,
  DecideRollout,
  EndRollout,
  ReadRollouts,
  RolloutsGrpc,
  RolloutsMetrics,
  AliasesConsumer,
  VerdictsConsumer,
];
const deployments = [
  BackendPools,
  BackendAccess,
  DeploymentSweeper,
  DeploymentInfrastructure,
  DriveDeployments,
  CheckBackends,
  ReadDeployments,
];

/** The background work of this module, and what it holds open. */
@Injectable()
export class ControlPlaneWork {
  constructor(
    readonly resolve: ResolveEndpoints,
    readonly drive: DriveDeployments,
    readonly check: CheckBackends,
    private readonly pools: BackendPools,
    private readonly directory: ModelDirectory,
  ) {}

  async close(): Promise<void> {
    this.directory.close();
    await this.pools.close();
  }
}

/**
 * What decides who serves: endpoints, rollouts, deployments, routing. One module, because each move of an endpoint touches all four
 * in one transaction.
 */
@Module({
  controllers: [EndpointsHttp, RolloutsHttp, DeploymentsHttp],
  providers: [
    GatewayMetrics,
    RoutingStore,
    ControlPlaneWork,
    ...stores,
    ...neighbours,
    ...endpoints,
    ...rollouts,
    ...deployments,
  ],
  exports: [GatewayMetrics, RoutingStore, BackendPools, BackendAccess],
})
export class ControlPlaneModule implements OnApplicationBootstrap {
  constructor(
    private readonly routing: RoutingStore,
    private readonly sweeper: DeploymentSweeper,
    private readonly work: ControlPlaneWork,
    private readonly metrics: GatewayMetrics,
    private readonly health: HealthRegistry,
    private readonly shutdown: ShutdownSequence,
    private readonly settings: GatewaySettings,
  ) {}

  onApplicationBootstrap(): void {
    this.routing.onSwap(({ revision }) => this.metrics.routingRevision.set(Number(revision)));
    this.routing.onCommit(() => this.sweeper.wake());
    this.health.addReadiness('routing', () => (this.routing.current() ? 'ok' : 'the configuration was not read yet'));
    this.routing.start();
    if (this.settings.runConsumers) {
      this.sweeper.add({ name: 'endpoints', execute: () => this.work.resolve.execute() });
      this.sweeper.add({ name: 'deployments', execute: () => this.work.drive.execute() });
      this.sweeper.add({ name: 'backends', execute: async () => (await this.work.check.execute()) < 0 });
      this.sweeper.start();
    }
    this.shutdown.on('stop-intake', 'deployments', () => this.sweeper.stop());
    this.shutdown.on('flush', 'routing', () => this.routing.stop());
    this.shutdown.on('close-pools', 'backends', () => this.work.close());
  }
}
