// SPDX-License-Identifier: Apache-2.0
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { ChosenTarget, EndpointRoute, RoutingSnapshot } from '../routing/routing-snapshot';
import type { CompletionRequest, Operation } from './completion-request';

/** A request as its door hands it over. The answer is written to `response`, unless execute throws: then nothing was written. */
export interface ClientCall {
  operation: Operation;
  workspace: string;
  body: Buffer;
  headers: IncomingHttpHeaders;
  requestId: string;
  /** performance.now() when its headers had arrived, and when its body had. */
  arrivedMs: number;
  bodyMs: number;
  response: ServerResponse;
  /** Called right before the first byte is written. */
  takeOver(): void;
}

/** What is known of one request on its way. */
export interface Exchange {
  call: ClientCall;
  request: CompletionRequest;
  route: EndpointRoute;
  chosen: ChosenTarget;
  snapshot: RoutingSnapshot;
  inferenceId: string;
  userHash: string;
  requestTime: Date;
  /** performance.now() when the backend was called, and when its answer had ended. */
  calledMs: number;
  answeredMs: number;
}
