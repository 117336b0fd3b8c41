// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CommonErrors } from '#libs/errors';
import { fromTransport, logFailure, RegistersRoutes, workspaceOf } from '#libs/http';
import { Logger } from '#libs/observability';
import { GatewaySettings } from '../config';
import { OPENAI_ROUTES } from '../http-answers';
import { GatewayMetrics } from '../gateway.metrics';
import type { Operation } from './completion-request';
import { CompletionErrors } from './completions.errors';
import { IdentifyCaller } from './identify-caller';
import { ListModels } from './list-models';
import { toOpenAiAnswer } from './openai-errors';
import { ProxyCompletion } from './proxy-completion';

const arrivals = new WeakMap<FastifyRequest, number>();

/**
 * The OpenAI routes. They are plain Fastify routes in a scope of their own, beside Nest's router: no guard, pipe or interceptor
 * runs per request, and the body stays the bytes that the caller sent.
 */
@Injectable()
@RegistersRoutes(OPENAI_ROUTES)
export class CompletionsHttp {
  private inFlight = 0;

  constructor(
    private readonly proxy: ProxyCompletion,
    private readonly models: ListModels,
    private readonly identify: IdentifyCaller,
    private readonly metrics: GatewayMetrics,
    private readonly settings: GatewaySettings,
    private readonly logger: Logger,
  ) {}

  /** Requests whose answer is not complete. */
  get running(): number {
    return this.inFlight;
  }

  register(fastify: FastifyInstance): void {
    void fastify.register(
      (scope, _options, done) => {
        this.addParsers(scope);
        scope.setErrorHandler((error, request, reply) => this.refuse(error, request, reply));
        scope.addHook('onRequest', (request, reply, next) => next(this.admit(request, reply)));
        scope.post('/chat/completions', (request, reply) => this.complete('chat', request, reply));
        scope.post('/completions', (request, reply) => this.complete('text_completion', request, reply));
        scope.get('/models', async (request) => this.models.execute(await this.workspaceOf(request)));
        scope.get('/models/*', async (request) => {
          const id = decode((request.params as { '*': string })['*']);
          return this.models.one(await this.workspaceOf(request), id);
        });
        done();
      },
      { prefix: '/v1' },
    );
  }

  private addParsers(scope: FastifyInstance): void {
    scope.removeAllContentTypeParsers();
    const options = { parseAs: 'buffer' as const, bodyLimit: this.settings.httpBodyBytesMax };
    scope.addContentTypeParser<Buffer>(/^application\/([\w.+-]+\+)?json\b/i, options, (_request, body, done) => done(null, body));
    scope.addContentTypeParser('*', (request, _payload, done) => {
      const type = JSON.stringify(request.headers['content-type'] ?? '');
      done(CommonErrors.UNSUPPORTED_MEDIA_TYPE(`content type ${type} is not read here; send application/json`));
    });
  }

  // Before the body is read: past the bound, a request must not even cost its memory.
  private admit(request: FastifyRequest, reply: FastifyReply): Error | undefined {
    arrivals.set(request, performance.now());
    const { inFlightMax } = this.settings;
    if (this.inFlight >= inFlightMax) {
      const message = `the gateway serves ${inFlightMax} requests already; try again shortly`;
      return CompletionErrors.TOO_MANY_REQUESTS(message, { openaiCode: 'rate_limit_exceeded' });
    }
    this.inFlight += 1;
    this.metrics.inFlight.set(this.inFlight);
    reply.raw.once('close', () => {
      this.inFlight -= 1;
      this.metrics.inFlight.set(this.inFlight);
      this.count(request, reply);
    });
    return undefined;
  }

  private async complete(operation: Operation, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const bodyMs = performance.now();
    const workspace = await this.workspaceOf(request);
    await this.proxy.execute({
      operation,
      workspace,
      body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
      headers: request.headers,
      requestId: request.id,
      arrivedMs: arrivals.get(request) ?? bodyMs,
      bodyMs,
      response: reply.raw,
      takeOver: () => reply.hijack(),
    });
  }

  private workspaceOf(request: FastifyRequest): Promise<string> {
    return this.identify.execute(request.headers.authorization, workspaceOf(request.raw));
  }

  private refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = fromTransport(thrown);
    const path = request.url.split('?')[0];
    const answer = toOpenAiAnswer(error, { path, requestId: request.id });
    logFailure(this.logger, error, { requestId: request.id, method: request.method, path });
    if (!request.raw.complete) void reply.header('connection', 'close');
    void reply
      .code(answer.status)
      .headers({ ...answer.headers, 'x-request-id': request.id })
      .send(answer.body);
  }

  private count(request: FastifyRequest, reply: FastifyReply): void {
    const operation = request.routeOptions.url?.replace(/^\/v1\//, '').replace('/*', '') ?? 'unknown';
    const status = reply.raw.writableFinished ? `${Math.floor(reply.raw.statusCode / 100)}xx` : '499';
    this.metrics.requests.inc({ operation, status });
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
