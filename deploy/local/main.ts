// SPDX-License-Identifier: Apache-2.0
import { addressTable } from './address-table';
import { HomeInUseError } from './home';
import { parseLaunchOptions, usage, UsageError } from './options';
import { Platform } from './platform';

/** Somebody asked for a stop while the start was not done; what had started is stopped again. */
class UserStop extends Error {}

const print = (line: string) => process.stdout.write(`${line}\n`);

/** `npm start`: starts the platform, prints one table of addresses, stops on SIGINT or SIGTERM. */
async function main(): Promise<void> {
  const startedAt = Date.now();
  const options = parseLaunchOptions(process.argv.slice(2), process.env);
  print(`Starting Millrace in ${options.home} ...`);
  const stopping = new AbortController();
  const stopRequested = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        stopping.abort(new UserStop(signal));
        resolve(signal);
      });
    }
  });
  const platform = await Platform.start(options, print, stopping.signal);
  print(`\nReady in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.\n`);
  print(addressTable(options.portBase, options.only));
  print(`\n  data  ${options.home}\n  logs  ${options.home}/logs\n  stop  Ctrl-C (data is kept; the next start continues)\n`);
  const signal = await stopRequested;
  print(`${signal}: stopping ...`);
  const stopStartedAt = Date.now();
  await platform.stop();
  print(`Stopped in ${((Date.now() - stopStartedAt) / 1000).toFixed(1)} s; data is in ${options.home}.`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    if (error instanceof UserStop) {
      print(`${error.message}: stopped before the start was done.`);
      process.exit(0);
    }
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`Millrace did not start: ${message}\n`);
    if (error instanceof UsageError) process.stderr.write(`\n${usage}\n`);
    const isUsersMistake = error instanceof UsageError || error instanceof HomeInUseError;
    if (!isUsersMistake && error instanceof Error && process.env.LOG_LEVEL === 'debug') process.stderr.write(`${error.stack}\n`);
    process.exit(isUsersMistake ? 64 : 1);
  },
);
