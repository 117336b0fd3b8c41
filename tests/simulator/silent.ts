// SPDX-License-Identifier: Apache-2.0
import type { Logger, Metrics } from '#libs/observability';

export const nothing = (): void => undefined;

export const silentLogger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => silentLogger,
} as unknown as Logger;

const figure = { inc: nothing, set: nothing, observe: nothing, reset: nothing };

export const silentMetrics = { counter: () => figure, gauge: () => figure, histogram: () => figure } as unknown as Metrics;

/** For classes that take an object of figures by name. */
export const silentFigures: unknown = new Proxy({}, { get: () => figure });
