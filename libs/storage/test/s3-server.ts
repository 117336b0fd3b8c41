// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface S3Server {
  endpoint: string;
  stop(): Promise<void>;
}

/** Starts versitygw (a real S3 server on a folder) on a free port and waits until it answers. */
export async function startS3Server(
  program: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-s3-server-'));
  for (const part of ['data', 'versions']) mkdirSync(join(folder, part));
  const port = await freePort();
  const child = spawn(
    program,
    ['--port', `127.0.0.1:${port}`, 'posix', '--versioning-dir', join(folder, 'versions'), join(folder, 'data')],
    {
      env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
      stdio: 'ignore',
    },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await stopChild(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilAnswering(endpoint, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
}

async function untilAnswering(endpoint: string, child: ChildProcess): Promise<void> {
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  const end = Date.now() + 20_000;
  for (;;) {
    if (failure) throw failure;
    if (child.exitCode !== null) throw new Error(`the S3 server ended with status ${child.exitCode}`);
    const answered = await fetch(endpoint, { headers: { connection: 'close' } }).then(
      () => true, // 403 without a signature is an answer
      () => false,
    );
    if (answered) return;
    if (Date.now() > end) throw new Error('the S3 server did not answer within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function stopChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.pid === undefined || child.exitCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
