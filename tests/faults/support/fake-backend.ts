// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A model server that only pretends to think: the management routes of the runtime, and one OpenAI route. */
export class FakeBackend {
  private readonly loaded = new Map<string, string>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      this.handle(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(): Promise<FakeBackend> {
    const backend = new FakeBackend();
    await new Promise<void>((resolve) => backend.server.listen(0, '127.0.0.1', resolve));
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const path = request.url ?? '/';
    if (path.startsWith('/api/v1/models/')) {
      const id = decodeURIComponent(path.slice('/api/v1/models/'.length));
      if (request.method === 'DELETE') this.loaded.delete(id);
      else this.loaded.set(id, (JSON.parse(text) as { manifestDigest: string }).manifestDigest);
      return answer(response, { id });
    }
    if (path === '/v1/models') {
      return answer(response, { object: 'list', data: [...this.loaded.keys()].map((id) => ({ id, object: 'model' })) });
    }
    const { model } = JSON.parse(text) as { model: string };
    return answer(response, {
      id: `cmpl-${String(request.headers['x-request-id'])}`,
      object: 'chat.completion',
      model,
      choices: [{ index: 0, message: { role: 'assistant', content: 'plant' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 7, completion_tokens: 1, total_tokens: 8 },
    });
  }
}

function answer(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
