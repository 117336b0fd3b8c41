// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ArrivalPace, type PaceLimits } from '#libs/clock';
import { CommonErrors } from '#libs/errors';

const LOOK_MS_MAX = 1000;

/**
 * Answers 408 to a request whose body comes slower than `limits` allow, and ends its connection; what the handler read so far fails
 * as for a client that breaks off. Only the body is timed: an answer may take as long as it likes, and so may the handler before it
 * reads on.
 */
export function boundBodies(fastify: FastifyInstance, limits: PaceLimits): void {
  const lookMs = Math.min(LOOK_MS_MAX, Math.ceil(limits.idleMs / 8));
  const arriving = new Set<ArrivingBody>();
  let timer: NodeJS.Timeout | undefined;

  // One timer for all of them, and only while there are some: nearly every body is there before the first look.
  const look = (): void => {
    const nowMs = performance.now();
    // A process that stood still itself has no bytes to show for that time: no look counts for much more than its pause.
    for (const body of arriving) if (body.look(nowMs, 2 * lookMs)) arriving.delete(body);
    if (arriving.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  fastify.addHook('onRequest', (request, reply, done) => {
    if (hasBody(request.raw)) {
      const body = new ArrivingBody(request, reply, limits);
      arriving.add(body);
      request.raw.once('close', () => arriving.delete(body));
      timer ??= setInterval(look, lookMs).unref();
    }
    done();
  });
  fastify.addHook('onClose', (_instance, done) => {
    clearInterval(timer);
    done();
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

class ArrivingBody {
  private readonly pace: ArrivalPace;
  private bytesSeen: number;
  private lookedMs = performance.now();

  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    limits: PaceLimits,
  ) {
    this.pace = new ArrivalPace(limits);
    this.bytesSeen = request.raw.socket.bytesRead;
  }

  /** True once there is nothing more to wait for. */
  look(nowMs: number, elapsedMsMax: number): boolean {
    const { raw } = this.request;
    if (raw.complete || raw.destroyed) return true;
    const bytes = raw.socket.bytesRead - this.bytesSeen;
    this.bytesSeen += bytes;
    const elapsedMs = Math.min(nowMs - this.lookedMs, elapsedMsMax);
    this.lookedMs = nowMs;
    // Bytes that nobody has read yet: it is the handler that is waited for.
    const fault = this.pace.waited(raw.readableLength > 0 ? 0 : elapsedMs, bytes);
    if (fault !== undefined) this.refuse(fault);
    return false;
  }

  // Stays in the set: a connection that is not gone by the next look, because of an answer before this one, is cut then.
  private refuse(fault: string): void {
    const { reply } = this;
    if (reply.sent || reply.raw.headersSent) this.request.raw.destroy();
    else reply.send(CommonErrors.REQUEST_TIMEOUT(`the body comes too slowly: ${fault}`));
  }
}
