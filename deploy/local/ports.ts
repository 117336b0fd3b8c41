// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net';

/** Throws one error that names every taken port and whom it was for. */
export async function refuseTakenPorts(ports: { port: number; what: string }[]): Promise<void> {
  const checks = await Promise.all(ports.map(async (entry) => ({ ...entry, free: await isFree(entry.port) })));
  const taken = checks.filter((entry) => !entry.free);
  if (taken.length === 0) return;
  const list = taken.map((entry) => `${entry.port} (${entry.what})`).join(', ');
  throw new Error(`these ports are taken: ${list}. Stop what uses them, or choose others with --port-base`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
