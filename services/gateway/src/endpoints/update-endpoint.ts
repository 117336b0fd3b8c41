// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { notFound } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { RoutingStore } from '../routing/routing-store';
import { checkEndpoint, type Endpoint, type EndpointOptions } from './endpoint';
import { EndpointErrors } from './endpoints.errors';
import { EndpointsRepository } from './endpoints.repository';

export interface UpdateEndpointInput extends Partial<EndpointOptions> {
  workspace: string;
  name: string;
  /** When given and not empty, the update is refused unless it is current. */
  etag?: string;
  requestId?: string;
}

/** Changes what a caller may choose later: capture, timeout, rollout policy. Model and backend of an endpoint never change. */
@Injectable()
export class UpdateEndpoint {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly routing: RoutingStore,
    private readonly clock: Clock,
  ) {}

  async execute(input: UpdateEndpointInput): Promise<Endpoint> {
    const { requestId, ...request } = input;
    const key = { workspace: input.workspace, operation: 'UpdateEndpoint', requestId, request };
    return this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, key, async () => {
          const current = await this.endpoints.lock(tx, input.workspace, input.name);
          if (!current) throw notFound('endpoint', input.name);
          checkEtag(current, input.etag);
          const next: Endpoint = {
            ...current,
            captureBytesMax: input.captureBytesMax ?? current.captureBytesMax,
            timeoutSeconds: input.timeoutSeconds ?? current.timeoutSeconds,
            rules: input.rules ?? current.rules,
            revision: current.revision + 1,
            updateTime: this.clock.now(),
          };
          checkEndpoint(next.name, next);
          await this.endpoints.save(tx, next);
          await this.routing.changed(tx);
          return next;
        }),
      { label: 'update endpoint' },
    );
  }
}

/** Throws GATEWAY.ENDPOINT_CHANGED when an etag is given that is not current. */
export function checkEtag(endpoint: Endpoint, etag: string | undefined): void {
  if (etag === undefined || etag === '' || etag === String(endpoint.revision)) return;
  throw EndpointErrors.ENDPOINT_CHANGED(`endpoint ${endpoint.name} has etag ${endpoint.revision}`, {
    etag: String(endpoint.revision),
  });
}
