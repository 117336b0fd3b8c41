// SPDX-License-Identifier: Apache-2.0
import { addressTable } from './address-table';
import { HomeInUseError } from './home';
import { parseLaunchOptions, usage, UsageError } from './options';
import { Platform } from './platform';

const print = (line: string) => process.stdout.write(`${line}\n`);

/** `npm start`: starts the platform, prints one table of addresses, stops on SIGINT or SIGTERM. */
async function main(): Promise<void> {
  const startedAt = Date.now();
  const options = parseLaunchOptions(process.argv.slice(2), process.env);
  print(`Starting Millrace in ${options.home} ...`);
  const stopRequested = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve(signal));
  });
  const starting = Platform.start(options, print);
  const early = await Promise.race([starting.then(() => undefined), stopRequested]);
  const platform = await starting;
  if (!early) {
    print(`\nReady in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.\n`);
    print(addressTable(options.portBase, options.only));
    print(`\n  data  ${options.home}\n  logs  ${options.home}/logs\n  stop  Ctrl-C (data is kept; the next start continues)\n`);
  }
  const signal = early ?? (await stopRequested);
  print(`${signal}: stopping ...`);
  const stopStartedAt = Date.now();
  await platform.stop();
  print(`Stopped in ${((Date.now() - stopStartedAt) / 1000).toFixed(1)} s; data is in ${options.home}.`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`Millrace did not start: ${message}\n`);
    if (error instanceof UsageError) process.stderr.write(`\n${usage}\n`);
    const isUsersMistake = error instanceof UsageError || error instanceof HomeInUseError;
    if (!isUsersMistake && error instanceof Error && process.env.LOG_LEVEL === 'debug') process.stderr.write(`${error.stack}\n`);
    process.exit(isUsersMistake ? 64 : 1);
  },
);
