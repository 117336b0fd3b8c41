// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that the fake saw. */
export interface SeenRequest {
  path: string;
  headers: IncomingMessage['headers'];
  raw: string;
  body: { model: string; stream?: boolean; stream_options?: unknown };
  /** The gateway closed the connection before the answer was complete. */
  cancelled: boolean;
  finished: boolean;
}

type Behaviour = (seen: SeenRequest, response: ServerResponse) => void | Promise<void>;

/** A model server that only pretends to think: management API of services/runtime, OpenAI routes, and behaviours to order. */
export class FakeBackend {
  /** Digest by model id. */
  readonly loaded = new Map<string, string>();
  readonly requests: SeenRequest[] = [];
  readonly loads: string[] = [];
  readonly unloads: string[] = [];
  /** Answers the next requests in place of the usual answer. */
  behaviour: Behaviour | undefined;
  /** Loads that are refused before one succeeds. */
  refuseLoads = 0;
  /** Loads wait for this. */
  loadGate: Promise<void> = Promise.resolve();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      this.handle(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    this.server.keepAliveTimeout = 30_000;
  }

  static async start(port = 0): Promise<FakeBackend> {
    const backend = new FakeBackend();
    await new Promise<void>((resolve) => backend.server.listen(port, '127.0.0.1', resolve));
    return backend;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  dropConnections(): void {
    this.behaviour = undefined;
    this.server.closeAllConnections();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const raw = await readAll(request);
    const path = request.url ?? '/';
    if (path.startsWith('/api/v1/models/')) return this.manage(request, response, raw);
    if (path === '/v1/models') {
      return sendJson(response, 200, { object: 'list', data: [...this.loaded.keys()].map((id) => ({ id, object: 'model' })) });
    }
    const body = JSON.parse(raw) as SeenRequest['body'];
    const seen: SeenRequest = { path, headers: request.headers, raw, body, cancelled: false, finished: false };
    this.requests.push(seen);
    response.on('close', () => {
      seen.cancelled = !response.writableFinished;
      seen.finished = response.writableFinished;
    });
    if (!this.loaded.has(body.model)) {
      return sendJson(response, 404, { error: { message: 'not loaded', type: 'x', param: 'model', code: 'model_not_found' } });
    }
    if (this.behaviour) return this.behaviour(seen, response);
    return answer(seen, response);
  }

  private async manage(request: IncomingMessage, response: ServerResponse, raw: string): Promise<void> {
    const id = decodeURIComponent((request.url ?? '').slice('/api/v1/models/'.length));
    if (request.method === 'DELETE') {
      this.unloads.push(id);
      this.loaded.delete(id);
      return sendJson(response, 200, {});
    }
    this.loads.push(id);
    await this.loadGate;
    if (this.refuseLoads > 0) {
      this.refuseLoads -= 1;
      return sendJson(response, 422, { detail: 'model.safetensors does not match its sha256' });
    }
    const { manifestDigest } = JSON.parse(raw) as { manifestDigest: string };
    if ((this.loaded.get(id) ?? manifestDigest) !== manifestDigest) return sendJson(response, 409, { detail: 'the id is taken' });
    this.loaded.set(id, manifestDigest);
    return sendJson(response, 200, { id });
  }
}

/** The usual answer: "served by <model id>", as JSON or token by token. */
export function answer(seen: SeenRequest, response: ServerResponse): void {
  const { model } = seen.body;
  const text = `served by ${model}`;
  const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
  const id = `cmpl-${String(seen.headers['x-request-id'])}`;
  const chat = seen.path.includes('chat');
  if (!seen.body.stream) {
    const choice = chat ? { message: { role: 'assistant', content: text } } : { text };
    sendJson(response, 200, {
      id,
      object: chat ? 'chat.completion' : 'text_completion',
      model,
      choices: [{ index: 0, ...choice, finish_reason: 'stop' }],
      usage,
    });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const object = chat ? 'chat.completion.chunk' : 'text_completion';
  const event = (choices: unknown[], extra: object = {}): string =>
    `data: ${JSON.stringify({ id, object, model, choices, ...extra })}\n\n`;
  const piece = (content: string): object => (chat ? { delta: { content } } : { text: content });
  if (chat) response.write(event([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]));
  for (const word of text.split(/(?= )/)) response.write(event([{ index: 0, ...piece(word), finish_reason: null }]));
  response.write(event([{ index: 0, ...(chat ? { delta: {} } : { text: '' }), finish_reason: 'stop' }]));
  if ((seen.body.stream_options as { include_usage?: boolean } | undefined)?.include_usage) response.write(event([], { usage }));
  response.end('data: [DONE]\n\n');
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
