// SPDX-License-Identifier: Apache-2.0
import { MessagingErrors } from './messaging.errors';

/**
 * Refuses what the generated decoders take but nothing behind them can use: they read any JSON value as text or number, so an
 * object becomes "[object Object]", a word NaN and a wrong time an invalid Date, and a list or a word where an object belongs an
 * empty object; and Postgres stores no NUL. `json` is what the message was decoded from. Throws MESSAGING.UNREADABLE_DATA naming the field.
 */
export function checkData(decoded: unknown, json: unknown, path = 'data'): void {
  if (typeof decoded === 'string') {
    if (decoded.includes('\0')) throw unfit(path, 'contains a NUL character');
    if (typeof json === 'object' && json !== null && !(json instanceof Date)) throw unfit(path, 'must be text');
  } else if (typeof decoded === 'number') {
    if (Number.isNaN(decoded) && json !== 'NaN') throw unfit(path, 'must be a number');
  } else if (decoded instanceof Date) {
    if (Number.isNaN(decoded.getTime())) throw unfit(path, 'must be a time');
  } else if (typeof decoded === 'object' && decoded !== null && !ArrayBuffer.isView(decoded)) {
    if (!Array.isArray(decoded) && isOtherThanObject(json)) throw unfit(path, 'must be an object');
    for (const [name, value] of Object.entries(decoded)) {
      if (name.includes('\0')) throw unfit(path, 'has a name with a NUL character');
      const from = typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[name] : undefined;
      checkData(value, from, Array.isArray(decoded) ? `${path}[${name}]` : `${path}.${name}`);
    }
  }
}

/** Nothing at all is allowed: a field that was left out. */
function isOtherThanObject(json: unknown): boolean {
  return json !== undefined && json !== null && (typeof json !== 'object' || Array.isArray(json));
}

function unfit(field: string, reason: string): Error {
  return MessagingErrors.UNREADABLE_DATA(`${field} ${reason}`, { field });
}
