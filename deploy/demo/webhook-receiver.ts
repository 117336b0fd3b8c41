// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The parts of Alertmanager's webhook body (version 4) that the demo reads. */
export interface AlertWebhook {
  version: string;
  status: string;
  alerts: { status: string; labels: Record<string, string>; annotations: Record<string, string> }[];
}

/** A small HTTP server that keeps the alerts sent to it: what a user's pager would get. */
export class WebhookReceiver {
  private constructor(
    private readonly server: Server,
    readonly received: readonly AlertWebhook[],
    readonly url: string,
  ) {}

  static async start(): Promise<WebhookReceiver> {
    const received: AlertWebhook[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        received.push(JSON.parse(Buffer.concat(chunks).toString('utf8')) as AlertWebhook);
        response.writeHead(200).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new WebhookReceiver(server, received, `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
