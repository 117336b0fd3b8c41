// SPDX-License-Identifier: Apache-2.0

// Byte-level BPE writes every byte as one printable character (GPT-2's table): printable Latin-1 bytes stand for themselves,
// the others take the code points from U+0100 on, in order of their value.
function buildAlphabet(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
}

/** The character of each byte value. */
export const BYTE_CHARACTERS: readonly string[] = buildAlphabet();

/** The byte of each character. */
export const CHARACTER_BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

// GPT-2's word pattern as the `tokenizers` library applies it. \s there is Unicode White_Space, which differs from JavaScript's \s
// (U+0085 is in, U+FEFF is not), so it is written out.
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Splits a text into the words that merges never cross. Joined, they are the text again. */
export const splitWords = (text: string): string[] => text.match(WORDS) ?? [];
