// SPDX-License-Identifier: Apache-2.0

/**
 * Cuts bytes into lines at "\n" only. (Node's readline also cuts at U+2028, U+2029 and lone "\r", which JSON texts may contain.)
 * Ends with the last line even without a line feed; empty lines are left out.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  for await (const part of chunks) {
    const chunk = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      pending.push(chunk.subarray(from, at));
      const line = pending.length === 1 ? pending[0].toString('utf8') : Buffer.concat(pending).toString('utf8');
      pending = [];
      from = at + 1;
      if (line.trim()) yield line;
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
  }
  const rest = Buffer.concat(pending).toString('utf8');
  if (rest.trim()) yield rest;
}

const SURROGATES = /\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}/g;
const LONE_CHARACTERS = '\\ud800'.length;

/** JSON text with U+FFFD for each escaped half of a surrogate pair: JavaScript reads such halves, other readers refuse the text. */
export function wellFormed(json: string): string {
  if (!/\\u[dD]/.test(json)) return json;
  return json.replace(SURROGATES, (found) => (found.length === LONE_CHARACTERS ? '\\ufffd' : found));
}

/** A batch ends with the line that reaches this: rows may have a megabyte, and what is done with a batch is done in one go. */
const BATCH_CHARACTERS = 256 * 1024;

/** Groups lines, so that work per line is not paid with a turn of the event loop each. */
export async function* inBatches(lines: AsyncIterable<string>, linesMax: number): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let characters = 0;
  for await (const line of lines) {
    batch.push(line);
    characters += line.length;
    if (batch.length < linesMax && characters < BATCH_CHARACTERS) continue;
    yield batch;
    batch = [];
    characters = 0;
  }
  if (batch.length > 0) yield batch;
}
