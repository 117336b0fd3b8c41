// SPDX-License-Identifier: Apache-2.0
import { createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Something did not come in the time that this suite has patience for. On a shared machine that may be the machine's pause. */
export class OutOfPatience extends Error {}

/** Something did not come in the time that the product promises. It is never tried again: a promise is not kept by half of the tries. */
export class PromiseBroken extends Error {}

export interface WaitOptions {
  timeoutMs?: number;
  intervalMs?: number;
}

/** Asks until the answer is neither false nor an error; fails with the last error, or with what was waited for. */
export async function waitFor<T>(
  what: string,
  ask: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, false | undefined>> {
  return poll(
    ask,
    options,
    (timeoutMs, last) => new OutOfPatience(`waited ${timeoutMs} ms for ${what}: ${last.message}`, { cause: last }),
  );
}

/** The same for what the product promises within this time: a miss fails the fault for good (see `OutOfPatience`). */
export async function promised<T>(
  what: string,
  ask: () => T | Promise<T>,
  options: WaitOptions & { timeoutMs: number },
): Promise<Exclude<T, false | undefined>> {
  return poll(
    ask,
    options,
    (timeoutMs, last) => new PromiseBroken(`promised within ${timeoutMs} ms: ${what}: ${last.message}`, { cause: last }),
  );
}

async function poll<T>(
  ask: () => T | Promise<T>,
  { timeoutMs = 60_000, intervalMs = 100 }: WaitOptions,
  late: (timeoutMs: number, last: Error) => Error,
): Promise<Exclude<T, false | undefined>> {
  const endMs = performance.now() + timeoutMs;
  let last: unknown = new Error('it never was');
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>;
      last = new Error('it never was');
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) throw late(timeoutMs, last as Error);
    await delay(intervalMs);
  }
}

/** Ports that are free together at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const server = createServer();
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', resolve);
      });
    }
    return servers.map((server) => (server.address() as AddressInfo).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
