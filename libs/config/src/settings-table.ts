// SPDX-License-Identifier: Apache-2.0
import { serviceOf, type SettingsClass } from './load-settings';
import { type SettingEntry, settingsOf } from './setting';

/** The Settings table of a README, as markdown. */
export function settingsTable<T extends object>(settingsClass: SettingsClass<T>): string {
  const service = serviceOf(settingsClass);
  const rows = settingsOf(settingsClass).map(
    (entry) => `| \`${entry.env}\` | ${defaultText(entry, service)} | ${escapeCell(entry.doc)} |`,
  );
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

/** The effective settings by variable name, for the boot log: secrets and passwords in URLs are masked. */
export function effectiveSettings(settings: object): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const entry of settingsOf(settings.constructor as new () => object)) {
    const value = (settings as Record<string, unknown>)[entry.property];
    if (value === undefined) continue;
    shown[entry.env] = entry.secret ? '***' : maskUrlPassword(value);
  }
  return shown;
}

function maskUrlPassword(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/?#]*):[^@/?#]*@/i, '$1:***@') : value;
}

function defaultText(entry: SettingEntry, service: string): string {
  if (entry.defaultDoc) return escapeCell(entry.defaultDoc);
  const value = typeof entry.default === 'function' ? entry.default({ service, settings: {} }) : entry.default;
  if (value === undefined) return entry.optional ? 'not set' : '**required**';
  if (Array.isArray(value)) return value.length === 0 ? 'empty' : `\`${value.join(',')}\``;
  return value === '' ? 'empty' : `\`${String(value)}\``;
}

function escapeCell(text: string): string {
  return text.replace(/\|/g, '\\|').replace(/\s*\n\s*/g, ' ');
}
