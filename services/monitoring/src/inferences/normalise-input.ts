// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { wordsOf } from '../statistics/word-drift';

/** Key that equal questions share whatever their case, spacing and punctuation; empty for an empty input. */
export function inputKeyOf(input: string): string {
  const words = wordsOf(input).join(' ');
  return words === '' ? '' : createHash('sha256').update(words).digest('hex').slice(0, 32);
}
