// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DynamicModule, LoggerService, Type } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import type { PaceLimits } from '#libs/clock';
import { CommonErrors, invalidFields } from '#libs/errors';
import type { Logger } from '#libs/observability';
import type { MillraceRequest } from './request-context';
import { boundBodies } from './bound-bodies';
import { closeSilentConnections } from './close-silent-connections';
import { makeRequestId } from './request-id';
import { assertJsonText, unstorableText } from './json-text';
import { keepRouteTable } from './route-table';
import { stripWorkspacePrefix } from './workspace-path';

export interface HttpAppOptions {
  bodyBytesMax: number;
  /** How slowly a body may come. */
  bodyPace: PaceLimits;
}

// A client may take its time with an upload, but not with the headers. The bound of the whole request is behind that of its pace.
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30 * 60_000;
const KEEP_ALIVE_MS = 72_000;

/** A Nest application on Fastify with our parsers and limits; it is not initialised and listens to nothing yet. */
export async function createHttpApp(
  module: DynamicModule | Type<unknown>,
  logger: Logger,
  options: HttpAppOptions,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: options.bodyBytesMax,
    genReqId: (request: IncomingMessage) => makeRequestId(request),
    rewriteUrl: (request: unknown) => stripWorkspacePrefix(request as IncomingMessage),
    http: { noDelay: true, headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 5000, maxHeaderSize: 64 * 1024 },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    // While stopping, requests that already came are answered, not refused.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 2048 },
  } as ConstructorParameters<typeof FastifyAdapter>[0]);
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    bodyParser: false,
    logger: nestLogger(logger),
    abortOnError: false,
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  keepRouteTable(fastify);
  closeSilentConnections(fastify);
  boundBodies(fastify, options.bodyPace);
  refuseEncodedBodies(fastify);
  addParsers(fastify, options);
  return app;
}

// Nothing here unpacks a body: a packed one would be read as if it were plain, and unpacking is what a gzip bomb wants.
function refuseEncodedBodies(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined || encoding.trim().toLowerCase() === 'identity') return done();
    done(
      CommonErrors.UNSUPPORTED_MEDIA_TYPE('content-encoding is not supported; send the body unpacked', {
        field: 'content-encoding',
      }),
    );
  });
}

// JSON is parsed (prototype keys refused, empty = no body, raw bytes kept); every other type stays a stream.
function addParsers(fastify: FastifyInstance, options: HttpAppOptions): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser<Buffer>(
    /^application\/([\w.+-]+\+)?json\b/i,
    { parseAs: 'buffer', bodyLimit: options.bodyBytesMax },
    (request, body, done) => {
      if (body.length === 0) return done(null, undefined);
      (request as MillraceRequest).rawBody = body;
      try {
        assertJsonText(body);
      } catch (error) {
        return done(error as Error);
      }
      const text = body.toString('utf8');
      void parseJson(request, text, (error, value) => {
        const fault = error ? undefined : unstorableText(text, value);
        done(fault ? invalidFields(fault) : error, value);
      });
    },
  );
  fastify.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
}

function nestLogger(logger: Logger): LoggerService {
  const fields = (rest: unknown[]): Record<string, unknown> => ({ slice: 'nest', context: rest.at(-1) });
  return {
    log: (message: unknown, ...rest: unknown[]) => logger.debug(fields(rest), String(message)),
    error: (message: unknown, ...rest: unknown[]) => logger.error({ ...fields(rest), err: message }, 'nest reported an error'),
    warn: (message: unknown, ...rest: unknown[]) => logger.warn(fields(rest), String(message)),
    debug: (message: unknown, ...rest: unknown[]) => logger.debug(fields(rest), String(message)),
    verbose: (message: unknown, ...rest: unknown[]) => logger.trace(fields(rest), String(message)),
  };
}
