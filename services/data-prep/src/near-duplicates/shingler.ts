// SPDX-License-Identifier: Apache-2.0

/** A word shingle hash is 32 bits wide; two different shingles of one pair collide with odds of about 200 x 200 / 2^32 = 1e-5. */
export type ShingleHash = number;

const SPACE = 0;
const WORD = 1;
/** Scripts written without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar): each character is a word of its own. */
const SINGLE = 2;

let unicodeClasses: Uint8Array | undefined;

/** One class per UTF-16 unit, built on the first text that is not ASCII (about 15 ms, once). Surrogates count as word characters. */
function classesOfUnicode(): Uint8Array {
  if (unicodeClasses) return unicodeClasses;
  const classes = new Uint8Array(65_536);
  const word = /[\p{L}\p{N}\p{M}]/u;
  const single =
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
  for (let unit = 0; unit < 65_536; unit++) {
    if (unit >= 0xd800 && unit <= 0xdfff) {
      classes[unit] = WORD;
      continue;
    }
    const character = String.fromCharCode(unit);
    classes[unit] = single.test(character) ? SINGLE : word.test(character) ? WORD : SPACE;
  }
  unicodeClasses = classes;
  return classes;
}

/** For ASCII: 0 = separator, else the lower-cased character code. */
const ASCII_FOLD = (() => {
  const fold = new Uint8Array(128);
  for (let code = 0; code < 128; code++) {
    const isDigit = code >= 48 && code <= 57;
    const isLower = code >= 97 && code <= 122;
    if (isDigit || isLower) fold[code] = code;
    else if (code >= 65 && code <= 90) fold[code] = code + 32;
  }
  return fold;
})();

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;
/** Odd multiplier of the rolling polynomial over word hashes. */
const POLYNOMIAL = 0x2c1b3c6d;

/** MurmurHash3's 32-bit finaliser (Appleby, public domain): every input bit reaches every output bit. */
function finalise(hash: number): number {
  let h = hash;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Cuts texts into word shingles and hashes them without making a string per word.
 *
 * Words are runs of letters, digits and marks, compared without case and after NFKC; everything else separates.
 * A text with fewer words than the shingle size has ONE shingle made of all its words: short texts are near-duplicates only
 * when their words are the same. A text without any word has no shingle and is never a near-duplicate.
 */
export class Shingler {
  /** Shingle hashes of the last text, in text order, possibly repeated; valid up to `count`. */
  hashes = new Uint32Array(1024);
  count = 0;
  /** Words of the last text. */
  words = 0;
  private wordHashes = new Int32Array(1024);
  private readonly oldestWeight: number;

  constructor(readonly shingleWords: number) {
    let weight = 1;
    for (let i = 0; i < shingleWords; i++) weight = Math.imul(weight, POLYNOMIAL);
    this.oldestWeight = weight;
  }

  read(text: string): void {
    if (!this.readAscii(text)) this.readUnicode(text.normalize('NFKC').toLowerCase());
    this.makeShingles();
  }

  /** False at the first character outside ASCII: the caller then starts again with the slower rules. */
  private readAscii(text: string): boolean {
    let words = 0;
    let hash = FNV_OFFSET;
    let inWord = false;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return false;
      const folded = ASCII_FOLD[code];
      if (folded !== 0) {
        hash = Math.imul(hash ^ folded, FNV_PRIME);
        inWord = true;
      } else if (inWord) {
        if (words === this.wordHashes.length) this.growWords();
        this.wordHashes[words++] = hash;
        hash = FNV_OFFSET;
        inWord = false;
      }
    }
    if (inWord) {
      if (words === this.wordHashes.length) this.growWords();
      this.wordHashes[words++] = hash;
    }
    this.words = words;
    return true;
  }

  private readUnicode(text: string): void {
    const classes = classesOfUnicode();
    let hash = FNV_OFFSET;
    let inWord = false;
    this.words = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const kind = classes[code];
      if (kind === WORD) {
        // Two rounds for a character outside ASCII so that its high byte counts; one for ASCII keeps both readers equal.
        hash = Math.imul(hash ^ (code & 0xff), FNV_PRIME);
        if (code > 127) hash = Math.imul(hash ^ (code >>> 8), FNV_PRIME);
        inWord = true;
        continue;
      }
      if (inWord) this.pushWord(hash);
      if (kind === SINGLE) this.pushWord(Math.imul(Math.imul(FNV_OFFSET ^ (code & 0xff), FNV_PRIME) ^ (code >>> 8), FNV_PRIME));
      hash = FNV_OFFSET;
      inWord = false;
    }
    if (inWord) this.pushWord(hash);
  }

  private pushWord(hash: number): void {
    if (this.words === this.wordHashes.length) this.growWords();
    this.wordHashes[this.words++] = hash;
  }

  private makeShingles(): void {
    const { words, wordHashes, shingleWords, oldestWeight } = this;
    if (this.hashes.length < words) this.hashes = new Uint32Array(this.wordHashes.length);
    if (words === 0) {
      this.count = 0;
      return;
    }
    const first = Math.min(words, shingleWords);
    let rolling = 0;
    for (let i = 0; i < first; i++) rolling = (Math.imul(rolling, POLYNOMIAL) + spread(wordHashes[i])) | 0;
    // The number of words goes into a short text's only shingle, so "a b" never equals a longer text's shingle by construction.
    this.hashes[0] = finalise(words < shingleWords ? rolling ^ Math.imul(words, 0x9e3779b1) : rolling);
    let count = 1;
    for (let i = shingleWords; i < words; i++) {
      rolling =
        (Math.imul(rolling, POLYNOMIAL) + spread(wordHashes[i]) - Math.imul(spread(wordHashes[i - shingleWords]), oldestWeight)) |
        0;
      this.hashes[count++] = finalise(rolling);
    }
    this.count = count;
  }

  private growWords(): void {
    const grown = new Int32Array(this.wordHashes.length * 2);
    grown.set(this.wordHashes);
    this.wordHashes = grown;
  }
}

/** FNV leaves short words close together; one multiply-xorshift spreads them before the polynomial. */
function spread(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return h ^ (h >>> 13);
}
