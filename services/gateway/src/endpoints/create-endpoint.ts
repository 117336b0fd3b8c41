// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { invalidFields } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { GatewaySettings } from '../config';
import { RoutingStore } from '../routing/routing-store';
import { checkEndpoint, normalBackendUrl, parseModelUri, type Endpoint, type EndpointOptions } from './endpoint';
import { EndpointErrors } from './endpoints.errors';
import { EndpointsRepository } from './endpoints.repository';

export interface CreateEndpointInput extends EndpointOptions {
  workspace: string;
  name: string;
  modelUri: string;
  /** Empty = RUNTIME_URL. */
  backendUrl: string;
  requestId?: string;
}

/** Makes an endpoint. What it shall serve is asked of the registry by the sweeper, so that a registry that is down delays, not fails. */
@Injectable()
export class CreateEndpoint {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly routing: RoutingStore,
    private readonly settings: GatewaySettings,
    private readonly clock: Clock,
  ) {}

  async execute(input: CreateEndpointInput): Promise<Endpoint> {
    const endpoint = this.build(input);
    const { requestId, ...request } = input;
    const { workspace, name } = input;
    return this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, { workspace, operation: 'CreateEndpoint', requestId, request }, async () => {
          const inserted = await this.endpoints.insert(tx, endpoint);
          if (!inserted) throw EndpointErrors.ENDPOINT_EXISTS(`endpoint ${JSON.stringify(name)} exists`, { name });
          await this.routing.changed(tx);
          return endpoint;
        }),
      { label: 'create endpoint' },
    );
  }

  private build(input: CreateEndpointInput): Endpoint {
    checkEndpoint(input.name, input);
    const reference = parseModelUri(input.modelUri);
    const backendUrl = normalBackendUrl(input.backendUrl === '' ? this.settings.runtimeUrl : input.backendUrl);
    this.checkBackendAllowed(backendUrl);
    const pinnedVersion = 'version' in reference ? reference.version : undefined;
    const now = this.clock.now();
    return {
      workspace: input.workspace,
      name: input.name,
      modelName: reference.modelName,
      alias: 'alias' in reference ? reference.alias : undefined,
      pinnedVersion,
      backendUrl,
      captureBytesMax: input.captureBytesMax,
      timeoutSeconds: input.timeoutSeconds,
      rules: input.rules,
      serving: undefined,
      pending: undefined,
      pendingDirect: false,
      rolloutId: undefined,
      aliasSequence: 0,
      problem: '',
      revision: 1,
      createTime: now,
      updateTime: now,
    };
  }

  // Otherwise any editor could make the gateway call whatever it can reach.
  private checkBackendAllowed(backendUrl: string): void {
    const { runtimeUrl, backendOrigins } = this.settings;
    const { origin } = new URL(backendUrl);
    if (origin === new URL(runtimeUrl).origin || backendOrigins.includes('*')) return;
    if (backendOrigins.some((allowed) => URL.canParse(allowed) && new URL(allowed).origin === origin)) return;
    const { details } = invalidFields({ field: 'backendUrl', message: 'is not allowed by BACKEND_ORIGINS' });
    throw EndpointErrors.BACKEND_NOT_ALLOWED(`backendUrl: ${origin} is not allowed by BACKEND_ORIGINS`, details);
  }
}
