// SPDX-License-Identifier: Apache-2.0
import { countTokens as count } from 'gpt-tokenizer/encoding/cl100k_base';

export const TOKENIZER = 'cl100k_base (gpt-tokenizer)';

/** Byte-pair merging is quadratic in a run of letters or of white space: 100,000 of them take seconds. Longer runs are counted in parts. */
const RUN_CHARACTERS_MAX = 1_000;
const LONG_RUN = new RegExp(`\\S{${RUN_CHARACTERS_MAX + 1}}|\\s{${RUN_CHARACTERS_MAX + 1}}`);
/** Text that merely looks like a special token is text. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

/** Tokens of a text; `exact` is false where a long run was counted in parts (off by at most one per part). */
export function countTokens(text: string): { tokens: number; exact: boolean } {
  if (text.length <= RUN_CHARACTERS_MAX || !LONG_RUN.test(text)) return { tokens: count(text, AS_TEXT), exact: true };
  let tokens = 0;
  for (const run of text.match(/\S+|\s+/g) ?? []) {
    for (let from = 0; from < run.length; from += RUN_CHARACTERS_MAX)
      tokens += count(run.slice(from, from + RUN_CHARACTERS_MAX), AS_TEXT);
  }
  return { tokens, exact: false };
}
