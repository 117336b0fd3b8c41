// SPDX-License-Identifier: Apache-2.0
import { rmSync } from 'node:fs';
import { shared } from './jest-global-setup';

/** Stops what the setup started; a server given by the environment stays. */
export default async function globalTeardown(): Promise<void> {
  const server = shared.millraceTestServer;
  if (!server) return;
  await server.postgres.stop({ mode: 'immediate' });
  rmSync(server.directory, { recursive: true, force: true });
}
