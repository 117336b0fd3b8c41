// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { BYTE_CHARACTERS, CHARACTER_BYTES, splitWords } from './byte-alphabet';
import { CHAT_TEMPLATE, renderChat, type ChatMessage } from './chat-template';
import { TinyLmError } from './tiny-lm.errors';
import { learnMerges } from './train-tokenizer';

export const END_OF_TEXT = '<|endoftext|>';
export const PAD = '<|pad|>';

interface TokenizerJson {
  model: { type: string; vocab: Record<string, number>; merges: (string | [string, string])[] };
  added_tokens?: { id: number; content: string; special?: boolean }[];
  normalizer?: unknown;
  pre_tokenizer?: { type?: string; add_prefix_space?: boolean; use_regex?: boolean } | null;
}

const refuse = (field: string, reason: string): never => {
  throw new TinyLmError('TINY_LM.TOKENIZER_INVALID', `tokenizer.json ${field}`, reason);
};

// Words repeat: a bound keeps the cache of a server small.
const CACHED_WORDS_MAX = 20_000;

/**
 * Byte-level BPE as the Hugging Face `tokenizers` library does it: any text goes in and comes out unchanged, no unknown token.
 * Special tokens written in the text are recognised, as that library does by default.
 */
export class Tokenizer {
  readonly size: number;
  readonly endOfTextId: number;
  readonly padId: number;
  private readonly ranks = new Map<string, number>();
  private readonly tokens: string[] = [];
  private readonly specials: { id: number; content: string }[];
  private readonly cache = new Map<string, number[]>();

  private constructor(
    private readonly vocabulary: Map<string, number>,
    private readonly merges: [string, string][],
    specials: { id: number; content: string }[],
  ) {
    for (const [token, id] of vocabulary) this.tokens[id] = token;
    this.specials = [...specials].sort((a, b) => b.content.length - a.content.length || a.id - b.id);
    for (const special of specials) this.tokens[special.id] = special.content;
    merges.forEach(([left, right], rank) => this.ranks.set(`${left} ${right}`, rank));
    this.size = this.tokens.length;
    this.endOfTextId = this.specialId(END_OF_TEXT);
    this.padId = this.specialId(PAD);
  }

  /** Learns merges from texts until the vocabulary (2 special tokens, 256 bytes, merges) has `size` entries. Deterministic. */
  static train(texts: Iterable<string>, size: number): Tokenizer {
    const specials = [END_OF_TEXT, PAD].map((content, id) => ({ id, content }));
    const vocabulary = new Map(specials.map(({ id, content }) => [content, id]));
    const sorted = [...BYTE_CHARACTERS].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
    for (const character of sorted) vocabulary.set(character, vocabulary.size);
    const merges = learnMerges(texts, Math.max(0, size - vocabulary.size));
    for (const [left, right] of merges) if (!vocabulary.has(left + right)) vocabulary.set(left + right, vocabulary.size);
    return new Tokenizer(vocabulary, merges, specials);
  }

  /** Reads tokenizer.json; a part that would split text otherwise than here is refused by name. */
  static fromJson(text: string): Tokenizer {
    let json: TokenizerJson;
    try {
      json = JSON.parse(text) as TokenizerJson;
    } catch (cause) {
      throw new TinyLmError('TINY_LM.TOKENIZER_INVALID', 'tokenizer.json', 'is not JSON', { cause });
    }
    if (json?.model?.type !== 'BPE') refuse('model.type', 'must be "BPE"');
    if (json.normalizer) refuse('normalizer', 'must be null');
    const pre = json.pre_tokenizer;
    if (pre?.type !== 'ByteLevel' || pre.add_prefix_space !== false || pre.use_regex === false) {
      refuse('pre_tokenizer', 'must be ByteLevel with add_prefix_space false and use_regex true');
    }
    const vocabulary = new Map(Object.entries(json.model.vocab));
    const merges = json.model.merges.map((entry, i): [string, string] => {
      const pair = typeof entry === 'string' ? entry.split(' ') : entry;
      if (pair.length !== 2 || !vocabulary.has(pair[0] + pair[1]))
        refuse(`model.merges[${i}]`, 'does not join two tokens to a third');
      return [pair[0], pair[1]];
    });
    for (const character of BYTE_CHARACTERS) if (!vocabulary.has(character)) refuse('model.vocab', `lacks byte ${character}`);
    const specials = (json.added_tokens ?? []).filter((t) => t.special).map(({ id, content }) => ({ id, content }));
    const tokenizer = new Tokenizer(vocabulary, merges, specials);
    for (let id = 0; id < tokenizer.size; id++)
      if (tokenizer.tokens[id] === undefined) refuse('model.vocab', `has no token ${id}`);
    return tokenizer;
  }

  toJson(): string {
    const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    const added = [...this.specials].sort((a, b) => a.id - b.id);
    return `${JSON.stringify(
      {
        version: '1.0',
        truncation: null,
        padding: null,
        added_tokens: added.map(({ id, content }) => ({
          id,
          content,
          single_word: false,
          lstrip: false,
          rstrip: false,
          normalized: false,
          special: true,
        })),
        normalizer: null,
        pre_tokenizer: byteLevel,
        post_processor: { ...byteLevel, trim_offsets: false },
        decoder: byteLevel,
        model: {
          type: 'BPE',
          dropout: null,
          unk_token: null,
          continuing_subword_prefix: null,
          end_of_word_suffix: null,
          fuse_unk: false,
          byte_fallback: false,
          ignore_merges: false,
          vocab: Object.fromEntries([...this.vocabulary].sort((a, b) => a[1] - b[1])),
          merges: this.merges.map(([left, right]) => `${left} ${right}`),
        },
      },
      null,
      1,
    )}\n`;
  }

  /** tokenizer_config.json with the chat template; `contextTokens` is the model's. */
  configJson(contextTokens: number): string {
    return `${JSON.stringify(
      {
        tokenizer_class: 'PreTrainedTokenizerFast',
        model_max_length: contextTokens,
        bos_token: END_OF_TEXT,
        eos_token: END_OF_TEXT,
        pad_token: PAD,
        add_bos_token: false,
        add_eos_token: false,
        clean_up_tokenization_spaces: false,
        chat_template: CHAT_TEMPLATE,
      },
      null,
      1,
    )}\n`;
  }

  /** sha256 of tokenizer.json as this library writes it: equal vocabularies and merges, equal digest. */
  digest(): string {
    return createHash('sha256').update(this.toJson()).digest('hex');
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    this.encodeAround(text, 0, ids);
    return ids;
  }

  /** The prompt of a chat, ready for the answer. */
  encodeChat(messages: readonly ChatMessage[]): number[] {
    return this.encode(renderChat(messages, END_OF_TEXT));
  }

  /** Bytes of one token; none for a special token. */
  tokenBytes(id: number): Uint8Array {
    if (this.specials.some((special) => special.id === id) || this.tokens[id] === undefined) return new Uint8Array();
    return Uint8Array.from([...this.tokens[id]].map((character) => CHARACTER_BYTES.get(character) ?? 0));
  }

  /** Text of the ids, special tokens left out; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string {
    return Buffer.concat([...ids].map((id) => this.tokenBytes(id))).toString('utf8');
  }

  // The earliest special token splits the text; among those at one place the longest wins.
  private encodeAround(text: string, from: number, ids: number[]): void {
    let start = from;
    while (start < text.length) {
      let at = text.length;
      let found: { id: number; content: string } | undefined;
      for (const special of this.specials) {
        const place = text.indexOf(special.content, start);
        if (place >= 0 && place < at) {
          at = place;
          found = special;
        }
      }
      for (const word of splitWords(text.slice(start, at))) for (const id of this.encodeWord(word)) ids.push(id);
      if (!found) return;
      ids.push(found.id);
      start = at + found.content.length;
    }
  }

  private encodeWord(word: string): number[] {
    const known = this.cache.get(word);
    if (known) return known;
    const parts = Array.from(Buffer.from(word, 'utf8'), (byte) => BYTE_CHARACTERS[byte]);
    for (;;) {
      let best = Infinity;
      for (let i = 0; i + 1 < parts.length; i++) best = Math.min(best, this.ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Infinity);
      if (best === Infinity) break;
      const [left, right] = this.merges[best];
      for (let i = 0; i + 1 < parts.length; i++)
        if (parts[i] === left && parts[i + 1] === right) parts.splice(i, 2, left + right);
    }
    const ids = parts.map((part) => this.vocabulary.get(part) ?? refuse('model.vocab', `lacks ${part}`));
    if (this.cache.size >= CACHED_WORDS_MAX) this.cache.clear();
    this.cache.set(word, ids);
    return ids;
  }

  private specialId(content: string): number {
    return this.specials.find((special) => special.content === content)?.id ?? refuse('added_tokens', `lacks ${content}`);
  }
}
