// SPDX-License-Identifier: Apache-2.0
import type { ServiceTokens } from '#libs/auth';
import type { ShutdownSequence } from '#libs/observability';
import { createRpcClient, type GeneratedService, type RpcClient, type RpcClientOptions } from '#libs/rpc';

/** Makes clients of other services that carry this service's token and are closed with the process. */
export class RpcClients {
  private readonly open: { close(): void }[] = [];

  constructor(
    private readonly service: string,
    private readonly tokens: ServiceTokens,
    shutdown: ShutdownSequence,
  ) {
    shutdown.on('close-pools', 'rpc clients', () => this.close());
  }

  /** `clients.create(ingestion.DatasetServiceService, { address: settings.ingestionGrpc, idempotent: ['getDataset'] })` */
  create<S extends GeneratedService>(definition: S, options: Omit<RpcClientOptions<S>, 'service' | 'token'>): RpcClient<S> {
    const client = createRpcClient(definition, { ...options, service: this.service, token: () => this.tokens.current() });
    this.open.push(client);
    return client;
  }

  close(): void {
    for (const client of this.open.splice(0)) client.close();
  }
}
