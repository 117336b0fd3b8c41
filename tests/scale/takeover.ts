// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '#libs/testing';
import { chat } from './gateways-agree';
import { ask, say, type ScaleContext } from './scale-context';

/** A backend whose first load never ends; later ones do. */
class StuckBackend {
  readonly loads: { port: number; at: number }[] = [];
  private readonly loaded = new Set<string>();
  private readonly server = createServer((request, response) => {
    const id = decodeURIComponent((request.url ?? '').split('/').pop() ?? '');
    request.resume().on('end', () => {
      if (request.method === 'PUT') {
        this.loads.push({ port: request.socket.remotePort ?? 0, at: performance.now() });
        if (this.loads.length === 1) return;
        this.loaded.add(id);
      }
      if (request.method === 'DELETE') this.loaded.delete(id);
      if (request.url === '/v1/models') send(response, { data: [...this.loaded].map((each) => ({ id: each })) });
      else
        send(response, { id, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: 'hi' } }] });
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A deployment and a rollout outlive the gateway that carried them out. */
export function describeTakeover(context: () => ScaleContext): void {
  it('take a deployment over when the gateway that was loading it is killed', async () => {
    const { fleet } = context();
    const backend = new StuckBackend();
    const backendUrl = await backend.listen();
    try {
      const body = { name: 'orphan', modelUri: 'models:/triage/2', backendUrl };
      await ask(fleet.of('gateway')[0], 'POST', '/api/v1/endpoints', body);
      await eventually(() => backend.loads.length === 1, { timeoutMs: 60_000 });
      const pid = processOfPort(backend.loads[0].port, backend.port);
      const loading = fleet.of('gateway').find((replica) => replica.program.pid === pid);
      if (!loading) throw new Error(`process ${pid} loads, but is no gateway`);
      await loading.kill();
      const killedAt = performance.now();
      const serves = async (): Promise<boolean> =>
        (await Promise.all(fleet.of('gateway').map((replica) => chat(replica, 'orphan')))).every(({ ok }) => ok);
      await eventually(serves, { timeoutMs: 60_000, intervalMs: 100 });
      expect(backend.loads).toHaveLength(2);
      const [row] = await fleet.sql('gateway', 'select state, lease_token from deployments where backend_url = $1', [backendUrl]);
      expect(row).toEqual({ state: 'ready', lease_token: '2' });
      say(
        `gateway killed while loading: another one served ${((performance.now() - killedAt) / 1000).toFixed(1)} s later (lease 5 s)`,
      );
    } finally {
      await backend.close();
    }
  });
}

function send(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** The process at the other end of a loopback connection, from Linux' tables. */
function processOfPort(localPort: number, remotePort: number): number {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((each) => each.trim().split(/\s+/))
    .find((fields) => fields[1]?.endsWith(`:${hex(localPort)}`) && fields[2]?.endsWith(`:${hex(remotePort)}`));
  const socket = `socket:[${line?.[9]}]`;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) if (holds(pid, socket)) return Number(pid);
  throw new Error(`no process has port ${localPort}`);
}

function holds(pid: string, socket: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === socket);
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false; // it ended, or is not ours
    throw error;
  }
}
