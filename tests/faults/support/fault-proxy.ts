// SPDX-License-Identifier: Apache-2.0
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { seededRandom } from '#libs/clock';
import { FaultPipe, type LinkConditions } from './fault-pipe';

export type { LinkConditions } from './fault-pipe';

export interface ProxyConditions {
  /** Bytes on their way from the client to the server. */
  toServer?: LinkConditions;
  /** Bytes on their way from the server to the client. */
  toClient?: LinkConditions;
  /** New connections are reset at once. */
  refuse?: boolean;
}

export interface ProxyOptions {
  /** Asked at each connection, so that a server may come back elsewhere (and start after its proxy). */
  target: () => { host: string; port: number };
  host?: string;
  port?: number;
  /** For jitter. */
  seed?: number;
}

/**
 * A TCP link that misbehaves as told, while it runs: slow, narrow, cut after some bytes, silent in one or both directions.
 * Conditions set on the proxy hold for all its connections, open and future; each connection can be given its own.
 */
export class FaultProxy {
  readonly connections = new Set<ProxiedConnection>();
  /** Connections that were accepted since the start. */
  accepted = 0;
  private current: ProxyConditions = {};
  private readonly random: () => number;

  private constructor(
    private readonly server: Server,
    private readonly options: ProxyOptions,
  ) {
    this.random = seededRandom(options.seed ?? 1);
  }

  static async listen(options: ProxyOptions): Promise<FaultProxy> {
    // Half-closed connections are passed on as such: what is behind may still have something to say.
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new FaultProxy(server, options);
    server.on('connection', (socket) => proxy.onConnection(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
    });
    return proxy;
  }

  get host(): string {
    return (this.server.address() as AddressInfo).address;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** host:port. */
  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** Bytes passed on in both directions by the connections that are open. */
  get bytesPassed(): number {
    return [...this.connections].reduce((sum, each) => sum + each.toServer.bytesPassed + each.toClient.bytesPassed, 0);
  }

  /** Sets the conditions of this link anew, for every connection; `set({})` heals it. */
  set(conditions: ProxyConditions): void {
    this.current = conditions;
    for (const connection of this.connections) connection.set(conditions);
  }

  heal(): void {
    this.set({});
  }

  /** Nothing gets through in either direction; bytes wait as in a network that sends them again, up to its buffers. */
  cut(): void {
    this.set({ toServer: { hold: true }, toClient: { hold: true } });
  }

  /** Resets every open connection; returns how many there were. */
  resetAll(): number {
    const open = [...this.connections];
    for (const connection of open) connection.reset();
    return open.length;
  }

  /** Ends the listener and every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.resetAll();
    await closed;
  }

  private onConnection(client: Socket): void {
    client.on('error', () => client.destroy());
    if (this.current.refuse) {
      client.resetAndDestroy();
      return;
    }
    this.accepted += 1;
    const connection = new ProxiedConnection(client, connect({ ...this.options.target(), allowHalfOpen: true }), this.random);
    connection.set(this.current);
    this.connections.add(connection);
    connection.onClosed = () => this.connections.delete(connection);
  }
}

/** One connection through the proxy: two sockets and a pipe for each direction. */
export class ProxiedConnection {
  readonly toServer: FaultPipe;
  readonly toClient: FaultPipe;
  onClosed: () => void = () => undefined;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    random: () => number,
  ) {
    server.setNoDelay(true);
    const broken = (): void => this.reset();
    this.toServer = new FaultPipe(client, server, { random, onBroken: broken });
    this.toClient = new FaultPipe(server, client, { random, onBroken: broken });
    for (const socket of [client, server]) socket.on('close', () => client.destroyed && server.destroyed && this.onClosed());
  }

  set({ toServer = {}, toClient = {} }: ProxyConditions): void {
    this.toServer.set(toServer);
    this.toClient.set(toClient);
  }

  /** The server's side ends with a reset while the client hears nothing of it, for ever: a half-open connection. */
  abandonClient(): void {
    this.toServer.set({ blackHole: true });
    this.toClient.set({ blackHole: true });
    this.server.resetAndDestroy();
  }

  /** A reset on both sides. */
  reset(): void {
    this.toServer.stop();
    this.toClient.stop();
    for (const socket of [this.client, this.server]) if (!socket.destroyed) socket.resetAndDestroy();
    this.onClosed();
  }
}
