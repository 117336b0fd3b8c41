// SPDX-License-Identifier: Apache-2.0
import type { DynamicModule } from '@nestjs/common';
import { effectiveSettings, loadSettingsOrExit, type ProcessSettings, type SettingsClass } from '#libs/config';
import { createLogger } from '#libs/observability';
import { startService, type StartedService } from './start-service';

export interface RunOptions<T extends ProcessSettings> {
  service: string;
  settings: SettingsClass<T>;
  module: (settings: T) => DynamicModule;
}

/**
 * Main program of a process: settings from the environment (exit 78 when wrong), start, stop on SIGTERM or SIGINT, when the
 * launcher that started it is gone, or when a consumer cannot go on (exit 1). A stop that is not clean exits with 1.
 */
export async function runService<T extends ProcessSettings>(options: RunOptions<T>): Promise<void> {
  const settings = loadSettingsOrExit(options.settings);
  const logger = createLogger(options.service, settings.logLevel);
  logger.info({ settings: effectiveSettings(settings) }, 'settings');
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'unhandled rejection');
    process.exit(1);
  });
  let started: StartedService;
  try {
    started = await startService(options.module(settings), settings.httpBodyBytesMax);
  } catch (error) {
    logger.error({ err: error }, 'could not start');
    process.exit(1);
  }
  const stop = (reason: string, code: number): void => {
    void started.stop(reason).then((clean) => process.exit(clean ? code : 1));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal, 0));
  // The launcher holds a channel to each child: when it dies, even by SIGKILL, nobody is left to stop us.
  if (process.channel) process.once('disconnect', () => stop('the launcher is gone', 0));
  if (started.hosted.service)
    started.hosted.service.onFatal = (error) => {
      logger.error({ err: error }, 'a consumer cannot go on');
      stop('a consumer cannot go on', 1);
    };
}
