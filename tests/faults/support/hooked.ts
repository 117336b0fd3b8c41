// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { projectRoot } from '#libs/testing';

/** Environment that loads a module of tests/faults/hooks into a process before anything else. */
export function hooked(name: string, env: Record<string, string> = {}): Record<string, string> {
  return { ...env, NODE_OPTIONS: `--require ${join(projectRoot(), 'dist/tests/faults/hooks', `${name}.js`)}` };
}
