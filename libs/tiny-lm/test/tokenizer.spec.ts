// SPDX-License-Identifier: Apache-2.0
import { renderChat, Tokenizer } from '../src/index';
import { learnMerges } from '../src/train-tokenizer';

const TEXTS = ['low lower lowest, slow slower slowest', 'the new news is the newest', "it's Ünïcödé — 猫が好き 👍🏽"];
const tokenizer = Tokenizer.train(TEXTS, 270);

describe('tokenizer', () => {
  it.each([
    '',
    ' ',
    'lowest of the slow',
    'tabs\tand\r\nlines  and   runs',
    'e\u0301 é ﬁ 猫 שלום مرحبا',
    '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽',
    'nul\u0000 bom\ufeff nel\u0085 nbsp\u00a0 zwsp\u200b',
    '𝔘𝔫𝔦 \u{10ffff}',
  ])('gives %j back unchanged', (text) => {
    const ids = tokenizer.encode(text);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(ids.every((id) => id >= 0 && id < tokenizer.size)).toBe(true);
  });

  it('merges frequent pairs, so that known words cost fewer tokens than bytes', () => {
    expect(tokenizer.encode('slowest').length).toBeLessThan(4);
    expect(tokenizer.size).toBe(270);
  });

  it('recognises special tokens in text and leaves them out of decoded text', () => {
    const ids = tokenizer.encode('low<|endoftext|><|pad|>low');
    expect(ids).toContain(tokenizer.endOfTextId);
    expect(ids).toContain(tokenizer.padId);
    expect(tokenizer.decode(ids)).toBe('lowlow');
  });

  it('learns the same from the same texts, and survives saving', () => {
    const again = Tokenizer.train(TEXTS, 270);
    expect(again.digest()).toBe(tokenizer.digest());
    const loaded = Tokenizer.fromJson(tokenizer.toJson());
    expect(loaded.digest()).toBe(tokenizer.digest());
    for (const text of TEXTS) expect(loaded.encode(text)).toEqual(tokenizer.encode(text));
  });

  it('learns the most frequent pair first and breaks ties by order', () => {
    expect(learnMerges(['ab ab ab', 'ab'], 1)).toEqual([['a', 'b']]);
    // " d", "dc", "ca", "ab" twice each: "ab" sorts first among the bytes of the alphabet.
    expect(learnMerges(['dcab dcab'], 1)).toEqual([['a', 'b']]);
  });

  it.each([
    ['not json', /tokenizer\.json: is not JSON/],
    [JSON.stringify({ model: { type: 'WordPiece' } }), /model\.type/],
    [tokenizer.toJson().replace('"normalizer": null', '"normalizer": {"type":"NFC"}'), /normalizer/],
    [tokenizer.toJson().replace('"add_prefix_space": false', '"add_prefix_space": true'), /pre_tokenizer/],
    [tokenizer.toJson().replaceAll('<|pad|>', '<|other|>'), /<\|pad\|>/],
  ])('refuses a file it would read differently (%#)', (text, reason) => {
    expect(() => Tokenizer.fromJson(text)).toThrow(reason);
  });
});

describe('chat template', () => {
  it('renders a single user message as it is', () => {
    expect(renderChat([{ role: 'user', content: 'a cat\nDomain:' }], '<end>')).toBe('a cat\nDomain:');
  });

  it('ends assistant turns and keeps turns apart', () => {
    const turns = [
      { role: 'user' as const, content: 'q' },
      { role: 'assistant' as const, content: ' a ' },
      { role: 'user' as const, content: 'r' },
    ];
    expect(renderChat(turns, '<end>')).toBe('q\n a<end>\nr');
  });

  it('names the message that is wrong', () => {
    expect(() => renderChat([], '<end>')).toThrow(/messages: must hold/);
    expect(() => renderChat([{ role: 'tool' as 'user', content: '' }], '<end>')).toThrow(/messages\[0\]\.role/);
    expect(() => renderChat([{ role: 'user', content: 3 as unknown as string }], '<end>')).toThrow(/messages\[0\]\.content/);
  });
});
