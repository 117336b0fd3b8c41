// SPDX-License-Identifier: Apache-2.0
// The model server of the benchmark: answers at once, 20 chunks when streaming. Takes every load. Says its port on standard output.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const usage = { prompt_tokens: 120, completion_tokens: 20, total_tokens: 140 };
const whole = JSON.stringify({
  id: 'cmpl-1',
  object: 'chat.completion',
  model: 'bench-v1',
  choices: [{ index: 0, message: { role: 'assistant', content: 'x'.repeat(200) }, finish_reason: 'stop' }],
  usage,
});
const event = (choices: unknown[], extra: object = {}): string =>
  `data: ${JSON.stringify({ id: 'cmpl-1', object: 'chat.completion.chunk', model: 'bench-v1', choices, ...extra })}\n\n`;
const chunks = [
  ...Array.from({ length: 19 }, () => event([{ index: 0, delta: { content: ' token' }, finish_reason: null }])),
  event([{ index: 0, delta: {}, finish_reason: 'stop' }]),
];
const last = `${event([], { usage })}data: [DONE]\n\n`;
const loaded = new Set<string>();

function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let next = 0;
  const write = (): void => {
    if (next === chunks.length) return void response.end(last);
    response.write(chunks[next]);
    next += 1;
    setImmediate(write);
  };
  write();
}

const server = createServer((request, response) => {
  const body: Buffer[] = [];
  request.on('data', (chunk: Buffer) => body.push(chunk));
  request.on('end', () => {
    const path = request.url ?? '';
    if (request.method === 'PUT') loaded.add(decodeURIComponent(path.split('/').pop()!));
    if (path.endsWith('/completions') && Buffer.concat(body).includes('"stream":true')) return stream(response);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(path.endsWith('/completions') ? whole : JSON.stringify({ data: [...loaded].map((id) => ({ id })) }));
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
