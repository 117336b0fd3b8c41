// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { locateBinaries, type PostgresBinaries } from './binaries';
import { initialiseDataDirectory, readSecret, serverSettings } from './data-directory';
import { freePort, isPortFree } from './ports';
import { isAlive, readPostmaster, waitUntilReady } from './postmaster';
import { postgresIdentity } from './run-as';
import { prepareLayout, rememberPort, rememberedPort, type Layout } from './layout';

/** How to start a server. `directory` belongs to the server; two servers cannot share one. */
export interface EmbeddedPostgresOptions {
  directory: string;
  /** Fixed port: refused when taken. Without it: the port of the last start if free, else any free one. */
  port?: number;
  /** Off only for tests: a crash of the machine then loses data. Default true. */
  fsync?: boolean;
  /** Longest wait for the server to accept connections, first initialisation included. Default 30 s. */
  startTimeoutMs?: number;
  connectionsMax?: number;
}

/** `fast` ends sessions and writes a checkpoint (SIGINT); `immediate` is a crash on purpose (SIGQUIT): the next start recovers. */
export interface StopOptions {
  mode?: 'fast' | 'immediate';
  timeoutMs?: number;
}

export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly pid: number;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Connection URL of a database on this server (default `postgres`). */
  url(database?: string): string;
  /** Ends the server and returns when it is gone. Safe to call twice. */
  stop(options?: StopOptions): Promise<void>;
}

const HOST = '127.0.0.1';
const USER = 'millrace';

/**
 * Starts a Postgres server of our own on loopback and returns once it answers. The server ends with this process
 * (even on SIGKILL), keeps its data in `directory`, and asks for a generated password (scram).
 * Throws with the end of the server's log when it does not come up.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const fsync = options.fsync ?? true;
  const timeoutMs = options.startTimeoutMs ?? 30_000;
  const binaries = locateBinaries();
  const layout = prepareLayout(options.directory);
  refuseSecondServer(layout);
  const port = await choosePort(layout, options.port);
  await initialiseDataDirectory({ binaries, layout, user: USER, fsync });
  const server = spawnServer(
    binaries,
    layout,
    serverSettings({ host: HOST, port, fsync, connectionsMax: options.connectionsMax ?? 200 }),
  );
  const pid = await waitUntilReady({ layout, child: server, timeoutMs });
  rememberPort(layout, port);
  const password = readSecret(layout);
  return {
    host: HOST,
    port,
    user: USER,
    password,
    pid,
    dataDirectory: layout.data,
    logFile: layout.log,
    url: (database = 'postgres') => `postgres://${USER}:${password}@${HOST}:${port}/${database}`,
    stop: (stopOptions) => stopServer(pid, server, stopOptions),
  };
}

function refuseSecondServer(layout: Layout): void {
  const running = readPostmaster(layout);
  if (running && isAlive(running.pid)) {
    throw new Error(
      `Postgres already runs on ${layout.data} (process ${running.pid}, port ${running.port}): stop it or use another folder`,
    );
  }
}

async function choosePort(layout: Layout, wanted: number | undefined): Promise<number> {
  if (wanted !== undefined && wanted !== 0) {
    if (await isPortFree(HOST, wanted)) return wanted;
    throw new Error(`Port ${wanted} on ${HOST} is taken: stop its user or choose another port for Postgres`);
  }
  const last = rememberedPort(layout);
  return last !== undefined && (await isPortFree(HOST, last)) ? last : freePort(HOST);
}

/**
 * The guard shell holds the read end of a pipe from us: when we die, however, it reads end-of-file and stops the server.
 * A process group of its own keeps a terminal's Ctrl-C away from the server, so that our shutdown order holds.
 */
const GUARD = [
  '"$0" "$@" 3<&- & server=$!',
  '(cat <&3 >/dev/null; kill -INT "$server" 2>/dev/null) & watcher=$!',
  'wait "$server"; status=$?',
  'kill "$watcher" 2>/dev/null',
  'exit "$status"',
].join('\n');

function spawnServer(binaries: PostgresBinaries, layout: Layout, settings: string[]): ChildProcess {
  const log = openSync(layout.log, 'w');
  try {
    const child = spawn('/bin/sh', ['-c', GUARD, binaries.postgres, '-D', layout.data, ...settings], {
      ...postgresIdentity(),
      cwd: layout.data,
      env: { PATH: '/usr/bin:/bin', TZ: 'UTC', LC_ALL: 'C' },
      stdio: ['ignore', log, log, 'pipe'],
      detached: true,
    });
    // The server must not keep our event loop alive: who forgets stop() still exits, and the guard then stops it.
    child.unref();
    (child.stdio[3] as unknown as { unref?: () => void } | null)?.unref?.();
    return child;
  } finally {
    closeSync(log);
  }
}

async function stopServer(pid: number, child: ChildProcess, options: StopOptions = {}): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  if (isAlive(pid)) process.kill(pid, options.mode === 'immediate' ? 'SIGQUIT' : 'SIGINT');
  if (!(await goneWithin(pid, timeoutMs))) {
    process.kill(pid, 'SIGQUIT');
    if (!(await goneWithin(pid, 5_000))) throw new Error(`Postgres (process ${pid}) did not stop within ${timeoutMs + 5_000} ms`);
  }
  child.stdio[3]?.destroy();
}

async function goneWithin(pid: number, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > end) return false;
    await delay(10);
  }
  return true;
}
