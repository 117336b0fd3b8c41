// SPDX-License-Identifier: Apache-2.0
import { BuiltProgram, freePortBase, removeHome, temporaryHome } from './launched-platform';

/** Runs the demo at its small scale and checks that it told the whole story. */
export async function walkTheLoop(args: string[], env: Record<string, string>): Promise<void> {
  const home = temporaryHome();
  const portBase = await freePortBase();
  const demo = new BuiltProgram(
    'deploy/demo/main.js',
    ['--scale', 'small', '--home', home, '--port-base', String(portBase), ...args],
    env,
  );
  try {
    const code = await demo.ended;
    if (code !== 0) throw new Error(`the demo ended with ${code}:\n${demo.output}`);
    for (const line of [
      'the test promoted version 2',
      'the test rolled back version 3',
      'the audit chain',
      'facts observed in',
    ]) {
      expect(demo.output).toContain(line);
    }
  } finally {
    demo.kill('SIGKILL');
    await demo.ended;
    removeHome(home);
  }
}
