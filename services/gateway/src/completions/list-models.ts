// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { RoutingStore } from '../routing/routing-store';
import type { EndpointRoute } from '../routing/routing-snapshot';
import { CompletionErrors } from './completions.errors';

/** A model as OpenAI clients know it: here, an endpoint that serves. */
export interface OpenAiModel {
  id: string;
  object: 'model';
  /** Seconds since 1970. */
  created: number;
  owned_by: string;
}

/** The endpoints of a workspace that serve, by name. */
@Injectable()
export class ListModels {
  constructor(private readonly routing: RoutingStore) {}

  execute(workspace: string): { object: 'list'; data: OpenAiModel[] } {
    const routes = [...(this.routing.current()?.endpoints.get(workspace)?.values() ?? [])];
    const data = routes.filter((route) => route.serving).sort((a, b) => (a.name < b.name ? -1 : 1));
    return { object: 'list', data: data.map(toModel) };
  }

  /** One of them. Throws GATEWAY.MODEL_NOT_FOUND. */
  one(workspace: string, id: string): OpenAiModel {
    const route = this.routing.current()?.endpoints.get(workspace)?.get(id);
    if (route?.serving) return toModel(route);
    throw CompletionErrors.MODEL_NOT_FOUND(`The model ${JSON.stringify(id)} does not exist`, { param: 'model' });
  }
}

function toModel(route: EndpointRoute): OpenAiModel {
  return { id: route.name, object: 'model', created: Math.floor(route.createTime.getTime() / 1000), owned_by: 'millrace' };
}
