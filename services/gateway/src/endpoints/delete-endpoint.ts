// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { EndpointTransitions } from '../rollouts/endpoint-transitions';
import { EndpointsRepository } from './endpoints.repository';
import { checkEtag } from './update-endpoint';

export interface DeleteEndpointInput {
  workspace: string;
  name: string;
  etag?: string;
  requestId?: string;
  /** Who deletes it. */
  actor: string;
}

/** Deletes an endpoint. Requests in flight finish: its versions stay loaded for the drain time. */
@Injectable()
export class DeleteEndpoint {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly transitions: EndpointTransitions,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
  ) {}

  async execute(input: DeleteEndpointInput): Promise<void> {
    const { requestId, ...request } = input;
    const key = { workspace: input.workspace, operation: 'DeleteEndpoint', requestId, request };
    await this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, key, async () => {
          const endpoint = await this.endpoints.lock(tx, input.workspace, input.name);
          if (!endpoint) throw notFound('endpoint', input.name);
          checkEtag(endpoint, input.etag);
          const cause = { verdictId: '', actor: input.actor, reason: 'endpoint deleted' };
          await this.transitions.remove(tx, endpoint, cause);
          return {};
        }),
      { label: 'delete endpoint' },
    );
  }
}
