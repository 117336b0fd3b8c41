// SPDX-License-Identifier: Apache-2.0
import { holdsNul, scanJson } from './check-json';
import { printableSample, type QuarantineReason, type SourceRow } from './source-row';
import type { Line } from './split-lines';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads one line of JSON lines: undefined for a blank one, else a row or a fault that names what is wrong. */
export function readJsonLine(line: Line, lineBytesMax: number): SourceRow | undefined {
  const bytes = line.bytes.subarray(line.start, line.end);
  if (line.length === 0 || isBlank(bytes)) return undefined;
  const refuse = (reason: QuarantineReason, detail: string): SourceRow => ({
    line: line.number,
    fault: { reason, detail, sample: printableSample(bytes) },
  });
  if (line.tooLong) return refuse('line_too_long', `${line.length} bytes; at most ${lineBytesMax} are accepted`);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return refuse('invalid_utf8', `not UTF-8 at byte ${firstInvalidByte(bytes)}`);
  }
  return readText(line.number, text, refuse);
}

function readText(line: number, text: string, refuse: (reason: QuarantineReason, detail: string) => SourceRow): SourceRow {
  if (holdsNul(text)) return refuse('nul_byte', 'holds a NUL character');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse('invalid_json', (error as Error).message);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(
      'not_an_object',
      `a row is an object, not ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`}`,
    );
  }
  const finding = scanJson(text);
  if (finding) return refuse(finding.kind, finding.detail);
  return { line, json: text.trim(), value: value as Record<string, unknown> };
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

/** Offset of the first byte that does not decode. Only called for a line that is known to hold one. */
function firstInvalidByte(bytes: Buffer): number {
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (decodesAsPrefix(bytes.subarray(0, middle + 1))) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A prefix may end inside a character: that alone is no error. */
function decodesAsPrefix(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return false;
    throw error;
  }
}
