// SPDX-License-Identifier: Apache-2.0
// What bench:ingest compares memory with: a server that writes a request's body to a file, forces it to disk and answers 201.
// Argument: the file.
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

const [file] = process.argv.slice(2);

async function store(request: IncomingMessage): Promise<void> {
  await pipeline(request, createWriteStream(file));
  const handle = await open(file, 'r');
  await handle.sync();
  await handle.close();
}

const server = createServer((request, reply) => {
  const answer = (status: number, text: string): void => void reply.writeHead(status).end(text);
  store(request).then(
    () => answer(201, 'stored'),
    (error: Error) => answer(500, error.message),
  );
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ baseUrl: `http://127.0.0.1:${port}` })}\n`);
});
