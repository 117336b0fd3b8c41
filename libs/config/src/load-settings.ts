// SPDX-License-Identifier: Apache-2.0
import { validateSync } from 'class-validator';
import { type SettingEntry, settingsOf } from './setting';

/** Exit status of a process whose settings are wrong (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIG = 78;

export type Environment = Record<string, string | undefined>;

/** One wrong variable. */
export interface SettingFault {
  env: string;
  message: string;
}

/** All wrong variables of one load. */
export class SettingsError extends Error {
  constructor(readonly faults: SettingFault[]) {
    super(`${faults.length} wrong setting(s):\n${faults.map((fault) => `  ${fault.env}: ${fault.message}`).join('\n')}`);
    this.name = 'SettingsError';
  }
}

export type SettingsClass<T extends object> = (new () => T) & { readonly service?: string };

/**
 * Reads a settings class from environment variables (the process's own by default), applies defaults and validates with
 * class-validator. Throws SettingsError with every fault, each named by its variable; values of secrets are never in it.
 */
export function loadSettings<T extends object>(settingsClass: SettingsClass<T>, env: Environment = process.env): T {
  const settings = new settingsClass();
  const values = settings as Record<string, unknown>;
  const faults: SettingFault[] = [];
  const entries = settingsOf(settingsClass);
  const service = serviceOf(settingsClass);
  const unread = new Set<string>();
  for (const entry of entries) {
    const outcome = readEntry(entry, env[entry.env], { service, settings: values });
    if ('fault' in outcome) {
      faults.push({ env: entry.env, message: outcome.fault });
      unread.add(entry.property);
    } else {
      values[entry.property] = outcome.value;
    }
  }
  const byProperty = new Map(entries.map((entry) => [entry.property, entry]));
  for (const error of validateSync(settings, { skipMissingProperties: false })) {
    const entry = byProperty.get(error.property);
    if (!entry || unread.has(error.property)) continue;
    if (entry.optional && values[entry.property] === undefined) continue;
    const shown = entry.secret ? '' : ` (is ${JSON.stringify(error.value)})`;
    for (const message of Object.values(error.constraints ?? { nested: 'is wrong' })) {
      faults.push({ env: entry.env, message: message.replace(new RegExp(`^${error.property} `), '') + shown });
    }
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return settings;
}

/** loadSettings for a main program: prints the faults on standard error and exits with status 78. */
export function loadSettingsOrExit<T extends object>(settingsClass: SettingsClass<T>, env: Environment = process.env): T {
  try {
    return loadSettings(settingsClass, env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

/** Name of the service that a settings class belongs to: its static `service`, else its name (DataPrepSettings -> data-prep). */
export function serviceOf(settingsClass: { name: string; service?: string }): string {
  if (settingsClass.service) return settingsClass.service;
  return settingsClass.name
    .replace(/(Settings|Config)$/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase();
}

type Outcome = { value: unknown } | { fault: string };

function readEntry(
  entry: SettingEntry,
  raw: string | undefined,
  context: { service: string; settings: Record<string, unknown> },
): Outcome {
  if (raw === undefined || raw === '') {
    const value = typeof entry.default === 'function' ? entry.default(context) : entry.default;
    if (value !== undefined || entry.optional) return { value };
    return { fault: `is required: ${entry.doc}` };
  }
  const shown = entry.secret ? '' : ` (is ${JSON.stringify(raw)})`;
  switch (entry.type) {
    case 'number': {
      const value = Number(raw.trim());
      return Number.isFinite(value) && raw.trim() !== '' ? { value } : { fault: `must be a number${shown}` };
    }
    case 'boolean': {
      const word = raw.trim().toLowerCase();
      if (['true', '1', 'on', 'yes'].includes(word)) return { value: true };
      if (['false', '0', 'off', 'no'].includes(word)) return { value: false };
      return { fault: `must be true or false${shown}` };
    }
    case 'list':
      return {
        value: raw
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== ''),
      };
    case 'string':
      return { value: raw };
  }
}
