// SPDX-License-Identifier: Apache-2.0
import { mintToken, parsePlatformKey, type Role } from '#libs/auth';
import { Home } from '../../deploy/local/home';
import { grpcPort, httpPort, type ProcessName, type ServiceName } from '../../deploy/local/processes';
import { BuiltProgram, freePortBase, removeHome, temporaryHome } from './launched-platform';
import { postgresFolderOf, SECRET_SETTINGS, secretsOfPlatform } from './platform-secrets';

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
    return secretsOfPlatform(this.home);
  }

  get postgresFolder(): string {
    return postgresFolderOf(this.home);
  }

  async end(): Promise<void> {
    this.demo.kill('SIGINT');
    await this.demo.ended;
    removeHome(this.folder);
  }
}
