// SPDX-License-Identifier: Apache-2.0
import type { DynamicModule, Type } from '@nestjs/common';
import { effectiveSettings, EXIT_CONFIG, loadSettingsOrExit, type ProcessSettings, type SettingsClass } from '#libs/config';
import { createLogger, describeError, ShutdownSequence } from '#libs/observability';
import { FatalErrors } from './fatal-errors';
import { startService } from './start-service';

export interface RunOptions<S extends ProcessSettings> {
  service: string;
  settings: SettingsClass<S>;
  module: (settings: S) => DynamicModule | Type<unknown>;
}

/**
 * The main program of a service: settings from the environment (exit 78 when wrong), start, graceful stop on SIGTERM and SIGINT
 * (exit 0), exit 1 when it cannot start or cannot go on.
 */
export async function runService<S extends ProcessSettings>(options: RunOptions<S>): Promise<void> {
  const settings = loadSettingsOrExit(options.settings);
  const logger = createLogger(options.service, settings.logLevel);
  logger.info({ settings: effectiveSettings(settings) }, 'service starts');
  const running = await startService({ service: options.service, settings, module: options.module }).catch((error: unknown) => {
    logger.error({ err: error }, 'service cannot start');
    process.stderr.write(`${options.service}: ${(error as Error).message}\n`);
    process.exit(error instanceof TypeError ? EXIT_CONFIG : 1);
  });
  const shutdown = running.get<ShutdownSequence>(ShutdownSequence);
  const stop = (reason: string, failed: boolean): void => {
    // The sequence bounds each stage; this bounds the sequence.
    setTimeout(() => process.exit(1), settings.shutdownSeconds * 1000 + 1000).unref();
    void shutdown.run(reason).then((clean) => process.exit(clean && !failed ? 0 : 1));
  };
  process.once('SIGTERM', () => stop('SIGTERM', false));
  process.once('SIGINT', () => stop('SIGINT', false));
  // The launcher holds a channel to each child: when it dies, even by SIGKILL, nobody is left to stop us.
  if (process.channel) process.once('disconnect', () => stop('the launcher is gone', false));
  const fatal = (error: unknown): void => {
    logger.error({ err: describeError(error) }, 'service cannot go on');
    stop('fatal error', true);
  };
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  running.get<FatalErrors>(FatalErrors).onReport(fatal);
}
