// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './binaries';
import type { Layout } from './layout';
import { postgresIdentity } from './run-as';

const run = promisify(execFile);

interface Initialisation {
  binaries: PostgresBinaries;
  layout: Layout;
  user: string;
  fsync: boolean;
}

/** The superuser's password, generated at initialisation and readable by the owner of the folder only. */
export function readSecret(layout: Layout): string {
  return readFileSync(layout.secret, 'utf8').trim();
}

/** Creates the cluster on the first start; does nothing later. A half-made cluster (killed initdb) is made again. */
export async function initialiseDataDirectory({ binaries, layout, user, fsync }: Initialisation): Promise<void> {
  if (existsSync(join(layout.data, 'PG_VERSION')) && existsSync(join(layout.data, 'initialised'))) return;
  for (const entry of readdirSync(layout.data)) rmSync(join(layout.data, entry), { recursive: true, force: true });
  writeFileSync(layout.secret, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
  try {
    // --pwfile is opened by the unprivileged user, who cannot read our file: hand the password over by a pipe
    // instead (of the shell's making: what Node calls a pipe is a socket, which nobody can open by name).
    const initdb = run(
      '/bin/sh',
      ['-c', 'cat | "$0" "$@" --pwfile=/dev/stdin', binaries.initdb, ...initdbArguments(layout, user, fsync)],
      { ...postgresIdentity(), cwd: layout.data, env: { PATH: '/usr/bin:/bin', TZ: 'UTC', LC_ALL: 'C' } },
    );
    initdb.child.stdin?.end(`${readSecret(layout)}\n`);
    await initdb;
  } catch (cause) {
    const detail = (cause as { stderr?: string }).stderr ?? String(cause);
    throw new Error(`Postgres could not create its data folder ${layout.data}: ${detail.trim()}`, { cause });
  }
  writeFileSync(join(layout.data, 'initialised'), '');
}

function initdbArguments(layout: Layout, user: string, fsync: boolean): string[] {
  return [
    '-D',
    layout.data,
    `--username=${user}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The builtin provider sorts alike on every platform; libc collations differ and change under an index.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    ...(fsync ? [] : ['--no-sync']),
  ];
}

interface ServerSettings {
  host: string;
  port: number;
  fsync: boolean;
  connectionsMax: number;
}

/** Command line settings: a small footprint, nothing but loopback, UTC, and durable unless told otherwise. */
export function serverSettings({ host, port, fsync, connectionsMax }: ServerSettings): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: host,
    port,
    unix_socket_directories: '',
    max_connections: connectionsMax,
    shared_buffers: '64MB',
    max_wal_size: '512MB',
    io_method: 'sync', // no extra worker processes
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    logging_collector: 'off',
    wal_level: 'minimal',
    max_wal_senders: 0,
    fsync: fsync ? 'on' : 'off',
    synchronous_commit: fsync ? 'on' : 'off',
    full_page_writes: fsync ? 'on' : 'off',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
