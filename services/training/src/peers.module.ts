// SPDX-License-Identifier: Apache-2.0
import { Injectable, Module } from '@nestjs/common';
import { parsePlatformKey, ServiceTokens } from '#libs/auth';
import { ingestion, registry } from '#libs/contracts';
import { ShutdownSequence } from '#libs/observability';
import { createRpcClient, type RpcClient } from '#libs/rpc';
import { TrainingSettings } from './config';
import { DatasetReader } from './datasets/dataset-reader';
import { IngestionDatasets } from './datasets/ingestion-datasets';
import { ModelRegistry } from './registry/model-registry';
import { RegistryModels } from './registry/registry-models';

/** gRPC clients of the services that training asks. */
@Injectable()
export class Peers {
  readonly ingestion: RpcClient<typeof ingestion.DatasetServiceService>;
  readonly registry: RpcClient<typeof registry.ModelServiceService>;

  constructor(settings: TrainingSettings, shutdown: ShutdownSequence) {
    const tokens = new ServiceTokens(
      'training',
      settings.authSigningKey === undefined ? undefined : parsePlatformKey(settings.authSigningKey),
    );
    const token = (): Promise<string | undefined> => tokens.current();
    this.ingestion = createRpcClient(ingestion.DatasetServiceService, {
      address: settings.ingestionGrpc,
      service: 'training',
      token,
      idempotent: ['getDatasetVersion', 'buildFeedbackDataset'],
    });
    this.registry = createRpcClient(registry.ModelServiceService, {
      address: settings.registryGrpc,
      service: 'training',
      token,
      idempotent: ['resolveAlias', 'requestAliasMove'],
    });
    shutdown.on('close-pools', 'peers', () => {
      this.ingestion.close();
      this.registry.close();
    });
  }
}

/** Ports to other services. */
@Module({
  providers: [
    Peers,
    {
      provide: DatasetReader,
      useFactory: (peers: Peers, settings: TrainingSettings) =>
        new IngestionDatasets(peers.ingestion, settings.peerDeadlineMilliseconds),
      inject: [Peers, TrainingSettings],
    },
    {
      provide: ModelRegistry,
      useFactory: (peers: Peers, settings: TrainingSettings) =>
        new RegistryModels(peers.registry, settings.peerDeadlineMilliseconds),
      inject: [Peers, TrainingSettings],
    },
  ],
  exports: [DatasetReader, ModelRegistry],
})
export class PeersModule {}
