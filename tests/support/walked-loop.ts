// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mintToken, parsePlatformKey, type Role } from '#libs/auth';
import { embeddedPostgresData } from '#libs/embedded-postgres';
import { Home } from '../../deploy/local/home';
import { grpcPort, httpPort, type ProcessName, type ServiceName } from '../../deploy/local/processes';
import { BuiltProgram, freePortBase, removeHome, temporaryHome } from './launched-platform';

/**
 * What the processes are told in confidence beside what the home makes: every setting that is declared as secret. Said openly here,
 * so that it can be looked for afterwards.
 */
export const SECRET_SETTINGS = {
  RATER_HASH_KEY: 'canary-rater-hash-key-41d0c7',
  PSEUDONYM_KEY: 'canary-pseudonym-key-9e02b6',
  AUTH_ACCEPTED_KEY: 'canary-accepted-key-with-32-bytes-and-more-7b',
};

/** A platform on which the demo has walked the whole loop, with identity on; it stays up to be asked. */
export class WalkedLoop {
  private constructor(
    readonly demo: BuiltProgram,
    readonly folder: string,
    readonly portBase: number,
  ) {}

  static async walk(): Promise<WalkedLoop> {
    const folder = temporaryHome();
    const portBase = await freePortBase();
    const args = ['--scale', 'small', '--keep', '--home', folder, '--port-base', String(portBase)];
    const demo = new BuiltProgram('deploy/demo/main.js', args, { MILLRACE_AUTH: 'on', ...SECRET_SETTINGS });
    await demo.said('The platform stays up', 600_000);
    return new WalkedLoop(demo, folder, portBase);
  }

  get home(): Home {
    return new Home(this.folder);
  }

  http(name: ProcessName): string {
    return `http://127.0.0.1:${httpPort(this.portBase, name)}`;
  }

  grpc(name: ServiceName): string {
    return `127.0.0.1:${grpcPort(this.portBase, name)}`;
  }

  /** A token of a person who has that role in one workspace and none elsewhere. */
  token(workspace: string, role: Role = 'admin'): Promise<string> {
    const key = parsePlatformKey(this.home.secrets().signingKey);
    return mintToken(key, { subject: `visitor@${workspace}`, roles: { [workspace]: role }, expiresInSeconds: 600 });
  }

  /** Every secret that the platform runs with, by name. */
  secrets(): Record<string, string> {
    const { signingKey, databasePasswords } = this.home.secrets();
    const passwords = Object.entries(databasePasswords).map(([role, password]) => [`password of ${role}`, password]);
    return {
      'signing key': signingKey,
      'password of the database administrator': readFileSync(join(this.postgresFolder, 'password'), 'utf8').trim(),
      ...SECRET_SETTINGS,
      ...(Object.fromEntries(passwords) as Record<string, string>),
    };
  }

  /** Where the database server keeps its log, its password and, below `data`, its files. */
  get postgresFolder(): string {
    return dirname(embeddedPostgresData(this.home.postgresDirectory));
  }

  async end(): Promise<void> {
    this.demo.kill('SIGINT');
    await this.demo.ended;
    removeHome(this.folder);
  }
}
