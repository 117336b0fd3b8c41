// SPDX-License-Identifier: Apache-2.0
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { eventually } from '#libs/testing';
import { FaultProxy } from './fault-proxy';

/** A server that sends back what it hears, and counts it. */
class Echo {
  heardBytes = 0;
  readonly sockets: Socket[] = [];
  /** How each connection ended, as the server saw it. */
  readonly ends: string[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on('data', (bytes) => {
        this.heardBytes += bytes.length;
        socket.write(bytes);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => this.ends.push(error.code ?? error.message));
      socket.on('end', () => this.ends.push('end'));
    });
  }

  target = { host: '127.0.0.1', port: 0 };

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.target = { host: '127.0.0.1', port: (this.server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

class Caller {
  heard = '';
  end?: string;
  readonly socket: Socket;

  constructor(proxy: FaultProxy) {
    this.socket = connect({ host: proxy.host, port: proxy.port, noDelay: true });
    this.socket.on('data', (bytes) => (this.heard += bytes.toString('latin1')));
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.end = error.code ?? error.message));
    this.socket.on('end', () => (this.end ??= 'end'));
  }

  say(text: string): void {
    this.socket.write(text);
  }

  hears(text: string, timeoutMs = 10_000): Promise<unknown> {
    return eventually(() => this.heard === text, { timeoutMs, intervalMs: 5 });
  }
}

describe('a link through the fault proxy', () => {
  let echo: Echo;
  let proxy: FaultProxy;
  const callers: Caller[] = [];
  const call = (): Caller => {
    const caller = new Caller(proxy);
    callers.push(caller);
    return caller;
  };
  /** A round trip by another connection: whatever could pass has passed. */
  const stillSilent = async (caller: Caller, heard: string): Promise<void> => {
    const other = await FaultProxy.listen({ target: () => echo.target });
    const probe = new Caller(other);
    probe.say('probe');
    await probe.hears('probe');
    probe.socket.destroy();
    await other.close();
    expect(caller.heard).toBe(heard);
    expect(caller.end).toBeUndefined();
  };

  beforeEach(async () => {
    echo = new Echo();
    await echo.listen();
    proxy = await FaultProxy.listen({ target: () => echo.target });
  });
  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.socket.destroy();
    await proxy.close();
    await echo.close();
  });

  it('passes bytes and both ends on, unless told otherwise', async () => {
    const caller = call();
    caller.say('hello');
    await caller.hears('hello');
    caller.socket.end();
    await eventually(() => caller.end === 'end' && proxy.connections.size === 0);
    expect(echo.ends).toEqual(['end']);
    expect(proxy.accepted).toBe(1);
  });

  it('passes a server that ends, and one that resets, on to its client', async () => {
    const [ended, reset] = [call(), call()];
    for (const caller of [ended, reset]) caller.say('x');
    await ended.hears('x');
    await reset.hears('x');
    echo.sockets[0]?.end();
    echo.sockets[1]?.resetAndDestroy();
    await eventually(() => ended.end !== undefined && reset.end !== undefined);
    expect([ended.end, reset.end].sort()).toEqual(['ECONNRESET', 'end']);
  });

  it('adds latency in each direction, without changing the order', async () => {
    proxy.set({ toServer: { latencyMs: 120, jitterMs: 40 }, toClient: { latencyMs: 80 } });
    const caller = call();
    await eventually(() => proxy.connections.size === 1);
    const startedMs = performance.now();
    const text = 'abcdefghij';
    for (const letter of text) caller.say(letter);
    await caller.hears(text);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(195);
  });

  it('narrows the bandwidth and holds the sender back instead of piling up its bytes', async () => {
    proxy.set({ toServer: { bytesPerSecond: 1_000_000 } });
    const caller = call();
    const startedMs = performance.now();
    caller.say('x'.repeat(500_000));
    await eventually(() => echo.heardBytes === 500_000, { intervalMs: 10 });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(450);
  });

  it('resets the connection after so many bytes, and no other', async () => {
    const spared = call();
    spared.say('first');
    await spared.hears('first');
    proxy.set({ toServer: { resetAfterBytes: 10 } });
    const cut = call();
    cut.say('0123456789 never heard');
    await eventually(() => cut.end !== undefined);
    expect(cut.end).toBe('ECONNRESET');
    expect(echo.heardBytes).toBe('first'.length + 10);
    proxy.heal();
    spared.say(' and more');
    await spared.hears('first and more');
  });

  it('holds everything while it is cut, ends too, and delivers it afterwards', async () => {
    const caller = call();
    caller.say('before ');
    await caller.hears('before ');
    proxy.cut();
    caller.say('during ');
    echo.sockets[0]?.end('bye');
    await stillSilent(caller, 'before ');
    expect(echo.heardBytes).toBe('before '.length + 'probe'.length);
    proxy.heal();
    await eventually(() => caller.heard === 'before bye' && caller.end === 'end');
  });

  it('is silent in one direction only, and resets what lost bytes once it heals', async () => {
    const [lossy, idle] = [call(), call()];
    for (const caller of [lossy, idle]) {
      caller.say('a');
      await caller.hears('a');
    }
    proxy.set({ toClient: { blackHole: true } });
    lossy.say('b');
    await eventually(() => echo.heardBytes === 3); // the server hears it, its answer is lost
    await stillSilent(lossy, 'a');
    proxy.heal();
    await eventually(() => lossy.end === 'ECONNRESET');
    idle.say('c');
    await idle.hears('ac');
  });

  it('leaves a connection half open: the server has hung up and the client does not know', async () => {
    const caller = call();
    caller.say('a');
    await caller.hears('a');
    [...proxy.connections][0]?.abandonClient();
    await eventually(() => echo.ends.includes('ECONNRESET'));
    caller.say('is anybody there?');
    await stillSilent(caller, 'a');
  });

  it('refuses new connections and can reset all open ones', async () => {
    const open = call();
    open.say('a');
    await open.hears('a');
    proxy.set({ refuse: true });
    const late = call();
    await eventually(() => late.end !== undefined);
    expect(open.end).toBeUndefined();
    expect(proxy.resetAll()).toBe(1);
    await eventually(() => open.end === 'ECONNRESET');
  });

  it('resets its client when the server is not there', async () => {
    await echo.close();
    const caller = call();
    await eventually(() => caller.end !== undefined);
    expect(proxy.connections.size).toBe(0);
    echo = new Echo();
    await echo.listen();
  });
});
