// SPDX-License-Identifier: Apache-2.0
import type { RequestContext } from '#libs/http';
import type { Caller } from '../caller';
import type { ViewType } from '../experiments/experiment';

/** The caller of an HTTP request. */
export function callerOf(ctx: RequestContext): Caller {
  return { workspace: ctx.workspace, actor: ctx.principal.subject };
}

/** What MLflow doors read of a request. */
export interface MlflowHttpRequest {
  query?: unknown;
  body?: unknown;
}

export const VIEW_TYPES: readonly ViewType[] = ['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL'];

/** Both prefixes that clients use: `/api` of the Python client, `/ajax-api` of the web pages. */
export function mlflowPrefixes(noun: string): string[] {
  return [`api/2.0/mlflow/${noun}`, `ajax-api/2.0/mlflow/${noun}`];
}
