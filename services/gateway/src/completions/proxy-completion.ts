// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import { CommonErrors } from '#libs/errors';
import { traceparent } from '#libs/observability';
import { GatewaySettings } from '../config';
import { BackendAccess } from '../deployments/backend-access';
import { BackendPools } from '../deployments/backend-pools';
import { RoutingStore } from '../routing/routing-store';
import { chooseTarget } from '../routing/routing-snapshot';
import { userHash } from '../routing/sticky-assignment';
import { StreamedAnswer, WholeAnswer } from './answer-sinks';
import { BackendCall, type BackendHead } from './backend-call';
import { backendBody, parseCompletionRequest, type Operation } from './completion-request';
import { CompletionErrors } from './completions.errors';
import { toErrorEvent } from './openai-errors';
import { passOnError } from './backend-errors';
import type { ClientCall, Exchange } from './exchange';
import { FinishedRequests } from './finished-requests';

const PATHS: Record<Operation, string> = { chat: '/v1/chat/completions', text_completion: '/v1/completions' };

/** Answers one completion request from the endpoint's version: bytes through, nothing parsed that need not be. */
@Injectable()
export class ProxyCompletion {
  constructor(
    private readonly routing: RoutingStore,
    private readonly pools: BackendPools,
    private readonly access: BackendAccess,
    private readonly finished: FinishedRequests,
    private readonly settings: GatewaySettings,
    private readonly ids: Ids,
  ) {}

  async execute(call: ClientCall): Promise<void> {
    const exchange = this.route(call);
    let current: BackendCall | undefined;
    let ended: Error | undefined;
    const endWith = (reason: Error): void => {
      ended ??= reason;
      current?.abort(ended);
    };
    const onClose = (): void => {
      if (!call.response.writableFinished) endWith(CommonErrors.CANCELLED('the caller went away'));
    };
    call.response.once('close', onClose);
    const timer = setTimeout(() => {
      endWith(CompletionErrors.BACKEND_TIMEOUT(`no complete answer within ${exchange.route.timeoutSeconds} s`));
    }, exchange.route.timeoutSeconds * 1000);
    try {
      const start = (backend: BackendCall): void => {
        current = backend;
        if (ended) backend.abort(ended);
      };
      await this.exchange(exchange, start, endWith);
    } finally {
      clearTimeout(timer);
      call.response.off('close', onClose);
    }
  }

  private route(call: ClientCall): Exchange {
    const request = parseCompletionRequest(call.operation, call.body);
    const snapshot = this.routing.current();
    if (!snapshot) throw CompletionErrors.MODEL_NOT_READY('the gateway has not read its configuration yet');
    const route = snapshot.endpoints.get(call.workspace)?.get(request.model);
    if (!route) {
      throw CompletionErrors.MODEL_NOT_FOUND(`The model ${JSON.stringify(request.model)} does not exist`, { param: 'model' });
    }
    const user = request.user ?? textHeader(call.headers['x-millrace-user']);
    const chosen = chooseTarget(route, snapshot.userHashKey, user, Math.random);
    if (!chosen)
      throw CompletionErrors.MODEL_NOT_READY(`the model ${JSON.stringify(route.name)} is not loaded yet`, { param: 'model' });
    const hash = user === undefined ? '' : userHash(snapshot.userHashKey, call.workspace, user);
    const requestTime = new Date(Date.now() - (performance.now() - call.arrivedMs));
    const inferenceId = this.ids.next();
    return { call, request, route, chosen, snapshot, inferenceId, userHash: hash, requestTime, calledMs: 0, answeredMs: 0 };
  }

  private async exchange(
    exchange: Exchange,
    start: (backend: BackendCall) => void,
    endWith: (reason: Error) => void,
  ): Promise<void> {
    const answer: { head?: BackendHead; whole?: WholeAnswer; stream?: StreamedAnswer } = {};
    const onHead = (head: BackendHead, resume: () => void): WholeAnswer | StreamedAnswer => {
      answer.head = head;
      if (exchange.request.stream && head.status === 200 && isEventStream(head)) {
        answer.stream = this.beginStream(exchange, resume);
        return answer.stream;
      }
      answer.whole = new WholeAnswer(this.settings.answerBytesMax, endWith);
      return answer.whole;
    };
    try {
      await this.callBackend(exchange, onHead, start);
    } catch (error) {
      exchange.answeredMs = performance.now();
      if (answer.stream) return this.breakStream(exchange, answer.stream, error);
      const failure = asBackendError(error);
      await this.finished.failed(exchange, failure);
      throw failure;
    }
    exchange.answeredMs = performance.now();
    if (answer.stream) await this.endStream(exchange, answer.stream);
    else await this.sendWhole(exchange, answer.head!, answer.whole!.body);
  }

  private async callBackend(
    exchange: Exchange,
    onHead: ConstructorParameters<typeof BackendCall>[0],
    start: (backend: BackendCall) => void,
  ): Promise<void> {
    const { request, chosen, inferenceId } = exchange;
    const { pool, basePath } = this.pools.of(chosen.target.backendUrl);
    const body = backendBody(request, chosen.target.deploymentId);
    const trace = traceparent();
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: request.stream ? 'text/event-stream' : 'application/json',
      // vLLM and services/runtime make the id of their answer from it.
      'x-request-id': inferenceId,
      ...(trace === undefined ? {} : { traceparent: trace }),
      ...(this.settings.auth === 'on' ? await this.access.headersFor(chosen.target.backendUrl) : {}),
    };
    exchange.calledMs = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const backend = new BackendCall(onHead);
      start(backend);
      try {
        return await backend.send(pool, basePath + PATHS[request.operation], { headers, body }).done;
      } catch (error) {
        // A kept-alive connection that the backend was just closing: generating has no effect beside its answer, so once more.
        const stale = attempt === 1 && !backend.begun && ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error));
        if (!stale) throw error;
      }
    }
  }

  private beginStream(exchange: Exchange, resume: () => void): StreamedAnswer {
    const { call, route, request } = exchange;
    call.takeOver();
    call.response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      ...answerHeaders(exchange),
    });
    call.response.flushHeaders();
    return new StreamedAnswer(call.response, resume, {
      dropUsageChunk: !request.includeUsage,
      captureBytesMax: route.captureBytesMax,
    });
  }

  private async endStream(exchange: Exchange, stream: StreamedAnswer): Promise<void> {
    const last = stream.complete();
    await this.finished.streamed(exchange, stream);
    exchange.call.response.end(last);
  }

  // The head is out: the only way left to say what went wrong is an event. Whole events only were sent, so it fits in between.
  private async breakStream(exchange: Exchange, stream: StreamedAnswer, error: unknown): Promise<void> {
    const failure = toErrorEvent(asBackendError(error));
    await this.finished.streamed(exchange, stream, failure);
    const { response } = exchange.call;
    if (!response.destroyed) response.end(failure.event);
  }

  private async sendWhole(exchange: Exchange, head: BackendHead, body: Buffer): Promise<void> {
    const { call, request } = exchange;
    if (head.status !== 200 || request.stream) {
      const failure = passOnError(head, body, request.stream);
      await this.finished.failed(exchange, failure);
      throw failure;
    }
    await this.finished.answered(exchange, body);
    call.takeOver();
    call.response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': body.length,
      'openai-processing-ms': Math.round(exchange.answeredMs - exchange.calledMs),
      ...answerHeaders(exchange),
    });
    call.response.end(body);
  }
}

function answerHeaders(exchange: Exchange): Record<string, string | number> {
  const { chosen, snapshot, call } = exchange;
  return {
    'x-request-id': call.requestId,
    'x-millrace-inference-id': exchange.inferenceId,
    'x-millrace-model-version': chosen.target.version,
    'x-millrace-config-revision': snapshot.revision,
    'openai-version': '2020-10-01',
  };
}

function isEventStream(head: BackendHead): boolean {
  return String(head.headers['content-type'] ?? '').startsWith('text/event-stream');
}

function asBackendError(error: unknown): Error {
  if ((error as { name?: string }).name === 'AppError') return error as Error;
  const code = codeOf(error);
  return CompletionErrors.BACKEND_UNAVAILABLE(`the model server does not answer${code === '' ? '' : ` (${code})`}`, {}, error);
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function textHeader(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text === '' ? undefined : text;
}
