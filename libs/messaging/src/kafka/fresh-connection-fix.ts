// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';

interface Connection {
  socket?: Socket;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect: (this: Connection) => Promise<unknown>;
  [CONNECTING]?: Promise<unknown>;
}

const PATCHED = Symbol.for('millrace.kafkajs.fresh-connection-fix');
const CONNECTING = Symbol('connecting');

/** Of the length that begins each answer. */
const LENGTH_BYTES = 4;

/**
 * kafkajs 2.2.4 keeps what it has read of an answer when a connection breaks, and puts it before the first bytes of the next connection;
 * lengths are then read from the middle of answers. That ends in a RangeError, which nobody catches, or in a wait for gigabytes that
 * every later connection inherits. Two callers that find it disconnected open a socket each, and both are read as one; and an error of
 * the old socket that comes late closes the new one. A connection begins with nothing here, on the only socket that is listened to.
 */
export function beginConnectionsFresh(): void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const connection = (require('kafkajs/src/network/connection') as { prototype: Connection & { [PATCHED]?: true } }).prototype;
  if (connection[PATCHED]) return;
  const { connect } = connection;
  connection.connect = function connectFresh(this: Connection): Promise<unknown> {
    if (this.isConnected()) return Promise.resolve(true);
    this[CONNECTING] ??= begin(this, connect).finally(() => (this[CONNECTING] = undefined));
    return this[CONNECTING];
  };
  connection[PATCHED] = true;
}

async function begin(connection: Connection, connect: Connection['connect']): Promise<unknown> {
  const { socket } = connection;
  if (socket) {
    for (const event of ['data', 'end', 'error', 'timeout']) socket.removeAllListeners(event);
    socket.on('error', () => undefined); // of a connection that is over already
    socket.destroy();
  }
  connection.chunks = [];
  connection.bytesBuffered = 0;
  connection.bytesNeeded = LENGTH_BYTES;
  return connect.call(connection);
}
