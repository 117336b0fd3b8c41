// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** How long a connection may take to finish the headers that it has begun to send when the stop begins. */
const HEADERS_GRACE_MS = 2000;

/**
 * Lets `app.close()` end although clients keep connections without a request on them. Node closes only what is idle at that moment:
 * a connection that has not sent its first request counts as busy, and one whose answer is under way is kept alive afterwards; each
 * would hold the stop until its client goes. A request that came is still answered, and told that the connection ends with it.
 */
export function closeSilentConnections(fastify: FastifyInstance): void {
  const answers = new Map<Socket, Set<ServerResponse>>();
  const { server } = fastify;
  let closing = false;

  const closeIdle = (isIdle: (socket: Socket) => boolean): void => {
    for (const [socket, under] of answers) if (under.size === 0 && isIdle(socket)) socket.destroy();
  };
  server.on('connection', (socket: Socket) => {
    answers.set(socket, new Set());
    socket.once('close', () => answers.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const under = answers.get(socket);
    under?.add(response);
    response.once('close', () => {
      under?.delete(response);
      if (closing && under?.size === 0) socket.end();
    });
  });
  fastify.addHook('preClose', (done) => {
    closing = true;
    for (const under of answers.values()) for (const response of under) response.shouldKeepAlive = false;
    closeIdle((socket) => socket.bytesRead === 0);
    setTimeout(() => closeIdle(() => true), HEADERS_GRACE_MS).unref();
    done();
  });
}
