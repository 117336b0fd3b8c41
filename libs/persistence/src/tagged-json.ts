// SPDX-License-Identifier: Apache-2.0

const TAG = '$millrace';

/** JSON that keeps Date, bytes, bigint and undefined, so that a stored answer comes back as it went in. */
export function toTaggedJson(value: unknown): string {
  return JSON.stringify(tag(value)) ?? JSON.stringify({ [TAG]: 'undefined' });
}

export function fromTaggedJson(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(fromTaggedJson);
  if (typeof json !== 'object' || json === null) return json;
  const { [TAG]: kind, value = '' } = json as { [TAG]?: string; value?: string };
  if (kind === 'date') return new Date(value);
  if (kind === 'bytes') return Buffer.from(value, 'base64');
  if (kind === 'bigint') return BigInt(value);
  if (kind === 'undefined') return undefined;
  return Object.fromEntries(Object.entries(json).map(([name, inner]) => [name, fromTaggedJson(inner)]));
}

function tag(value: unknown): unknown {
  if (value === undefined) return { [TAG]: 'undefined' };
  if (typeof value === 'bigint') return { [TAG]: 'bigint', value: value.toString() };
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return { [TAG]: 'date', value: value.toISOString() };
  if (value instanceof Uint8Array) return { [TAG]: 'bytes', value: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(tag);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, tag(inner)]));
}
