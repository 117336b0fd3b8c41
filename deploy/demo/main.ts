// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeEmbeddedPostgres } from '#libs/embedded-postgres';
import { Home } from '../local/home';
import { UsageError } from '../local/options';
import { Platform } from '../local/platform';
import { processNames } from '../local/processes';
import { demoUsage, parseDemoOptions, type DemoOptions } from './demo-options';
import { runDemo } from './run-demo';
import { Story } from './story';

const DEMO_MARK = 'THIS-IS-A-DEMO.txt';
const print = (text: string) => void process.stdout.write(text);

/** `npm run demo`: starts what is not running, walks the loop, prints the table. Exit code 0 only if every fact was observed. */
async function main(): Promise<void> {
  const startedAt = performance.now();
  const options = parseDemoOptions(process.argv.slice(2), process.env);
  print(`Millrace demo: the whole life of a small language model, in ${options.home}\n`);
  const platform = await startPlatform(options);
  const story = new Story(print);
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
  });
  try {
    const home = new Home(options.home);
    const report = await Promise.race([runDemo(options, home, story), interrupted]);
    print(`\n${report}\n\n${story.facts} facts observed in ${((performance.now() - startedAt) / 1000).toFixed(0)} s.\n`);
    if (options.keep && platform) {
      print('The platform stays up (--keep): Ctrl-C stops it.\n');
      await interrupted.catch(() => undefined);
    }
  } finally {
    await platform?.stop();
  }
}

/** The platform of an earlier `--keep` or `npm start` in this home is used as it is; else a fresh home is started. */
async function startPlatform(options: DemoOptions): Promise<Platform | undefined> {
  const running = existsSync(options.home) ? Home.readState(options.home) : undefined;
  if (running) {
    if (running.portBase !== options.portBase)
      throw new UsageError(`the platform in ${options.home} runs with --port-base ${running.portBase}`);
    print('Using the platform that runs there.\n');
    return undefined;
  }
  removeEarlierDemo(options.home);
  const startedAt = performance.now();
  const { home, portBase, broker } = options;
  const platform = await Platform.start({ home, portBase, broker, only: [...processNames] }, (line) => print(`${line}\n`));
  print(`Seven processes and their Postgres are ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s.\n`);
  return platform;
}

/** The story starts from nothing: what an earlier demo left would answer for this one. A folder of anything else is refused. */
function removeEarlierDemo(home: string): void {
  const isEmpty = !existsSync(home) || readdirSync(home).length === 0;
  if (!isEmpty && !existsSync(join(home, DEMO_MARK))) {
    throw new UsageError(`${home} holds something that is not an earlier demo: give another --home`);
  }
  removeEmbeddedPostgres(join(home, 'postgres'));
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, DEMO_MARK), 'Made by npm run demo, which removes this folder at its next start.\n');
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof UsageError) process.stderr.write(`\n${demoUsage}\n`);
    process.exit(error instanceof UsageError ? 64 : 1);
  },
);
