// SPDX-License-Identifier: Apache-2.0
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * One address in front of several replicas, as a Kubernetes Service is: each new connection goes to the next replica, and who is
 * not there is passed over.
 */
export class PortDoor {
  private readonly server: Server;
  private readonly open = new Set<Socket>();
  private turn = 0;

  private constructor(private readonly targets: () => string[]) {
    this.server = createServer((client) => this.pair(client, this.targets().length));
  }

  static async open(targets: () => string[]): Promise<PortDoor> {
    const door = new PortDoor(targets);
    await new Promise<void>((resolve) => door.server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private pair(client: Socket, triesLeft: number): void {
    const targets = this.targets();
    if (targets.length === 0 || triesLeft <= 0) {
      client.destroy();
      return;
    }
    this.turn += 1;
    const [host, port] = targets[this.turn % targets.length].split(':');
    const replica = connect(Number(port), host);
    replica.once('connect', () => {
      for (const [from, to] of [
        [client, replica],
        [replica, client],
      ]) {
        this.open.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy()); // the other side learns of it by its own end
        from.on('close', () => {
          this.open.delete(from);
          to.destroy();
        });
      }
    });
    replica.once('error', () => {
      if (replica.connecting || !this.open.has(replica)) this.pair(client, triesLeft - 1);
    });
  }
}
