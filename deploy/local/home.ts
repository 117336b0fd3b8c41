// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Secrets that a home generates on its first start and keeps. */
export interface HomeSecrets {
  /** HS256 key of platform tokens, base64url of 32 random bytes. */
  signingKey: string;
  /** Password of each database role. */
  databasePasswords: Record<string, string>;
}

/** What a running launcher writes for other tools: `npm run token`, `npm run dlq`, the demo. */
export interface HomeState {
  pid: number;
  portBase: number;
  broker: 'event-log' | 'kafka';
  startTime: string;
  /** Database URL of each service, and of the event log under `events`; readable by the owner only. */
  databaseUrls: Record<string, string>;
}

/** The launcher of this home already runs. */
export class HomeInUseError extends Error {}

/** The folder that holds all data of one local platform. */
export class Home {
  constructor(readonly path: string) {
    mkdirSync(path, { recursive: true });
    for (const folder of ['logs', 'blobs', 'work']) mkdirSync(join(path, folder), { recursive: true });
  }

  get postgresDirectory(): string {
    return join(this.path, 'postgres');
  }

  logFile(name: string): string {
    return join(this.path, 'logs', `${name}.log`);
  }

  /** Takes the home for this process. A lock left by a killed launcher is taken over. */
  lock(): void {
    const file = join(this.path, 'launcher.pid');
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = Number(readFileSync(file, 'utf8'));
      if (isAlive(holder))
        throw new HomeInUseError(`${this.path} is in use by process ${holder}: stop it, or give another --home`);
      writeFileSync(file, String(process.pid));
    }
  }

  unlock(): void {
    rmSync(join(this.path, 'launcher.pid'), { force: true });
    rmSync(join(this.path, 'state.json'), { force: true });
  }

  /** The secrets, made on the first call. */
  secrets(): HomeSecrets {
    const file = join(this.path, 'secrets.json');
    if (!existsSync(file))
      this.write('secrets.json', { signingKey: randomBytes(32).toString('base64url'), databasePasswords: {} });
    return JSON.parse(readFileSync(file, 'utf8')) as HomeSecrets;
  }

  /** Password of a database role, made on the first call. */
  databasePassword(role: string): string {
    const secrets = this.secrets();
    const known = secrets.databasePasswords[role];
    if (known) return known;
    secrets.databasePasswords[role] = randomBytes(18).toString('base64url');
    this.write('secrets.json', secrets);
    return secrets.databasePasswords[role];
  }

  writeState(state: HomeState): void {
    this.write('state.json', state);
  }

  /** State of the running launcher, or undefined when none runs. */
  readState(): HomeState | undefined {
    return Home.readState(this.path);
  }

  /** The same for a folder that must not be touched. */
  static readState(path: string): HomeState | undefined {
    const file = join(path, 'state.json');
    if (!existsSync(file)) return undefined;
    const state = JSON.parse(readFileSync(file, 'utf8')) as HomeState;
    return state.pid === process.pid || isAlive(state.pid) ? state : undefined;
  }

  /** Writes whole or not at all, for the owner's eyes only. */
  private write(name: string, value: unknown): void {
    const file = join(this.path, name);
    writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
  }
}

/** True when a process with that id runs (signal 0 asks without doing anything). */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
