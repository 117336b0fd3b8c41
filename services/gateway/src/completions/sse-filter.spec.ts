// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '#libs/clock';
import { answerOfEvents, answerOfJson, cutToBytes } from './answer-text';
import { lastUsage, SseFilter } from './sse-filter';

const token = (text: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c-1', choices: [{ index: 0, delta: { content: text }, finish_reason: finish }], usage: null })}\n\n`;
const usageChunk = 'data: {"id":"c-1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}\n\n';
const stream = [': ping\n\n', token('Hé'), token('llo "choices":[] 😀'), token('', 'stop'), usageChunk, 'data: [DONE]\n\n'].join(
  '',
);

function run(filter: SseFilter, bytes: Buffer, cuts: number[]): Buffer {
  const out: Buffer[] = [];
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    const part = filter.push(bytes.subarray(at, cut));
    if (part) out.push(part);
    at = cut;
  }
  const rest = filter.end();
  return Buffer.concat(rest ? [...out, rest] : out);
}

describe('SseFilter', () => {
  it('gives the same bytes and usage wherever the stream is cut', () => {
    const bytes = Buffer.from(stream);
    const random = seededRandom(11);
    for (let round = 0; round < 200; round += 1) {
      const cuts = Array.from({ length: 6 }, () => Math.floor(random() * bytes.length)).sort((a, b) => a - b);
      const keep = new SseFilter(false);
      expect(run(keep, bytes, cuts).toString()).toBe(stream);
      const drop = new SseFilter(true);
      expect(run(drop, bytes, cuts).toString()).toBe(stream.replace(usageChunk, ''));
      expect([keep.usage, drop.usage]).toEqual(Array(2).fill({ promptTokens: 7, completionTokens: 3 }));
    }
  });

  it('sends whole events only, so that an error event fits in between', () => {
    const filter = new SseFilter(true);
    expect(filter.push(Buffer.from('data: {"choices":[{"del'))).toBeUndefined();
    expect(filter.push(Buffer.from('ta":{}}]}\n\ndata: {"cho'))?.toString()).toBe('data: {"choices":[{"delta":{}}]}\n\n');
  });

  it('reads CRLF streams', () => {
    const filter = new SseFilter(true);
    const crlf = stream.replaceAll('\n', '\r\n');
    expect(run(filter, Buffer.from(crlf), [40, 90]).toString()).toBe(crlf.replace(usageChunk.replaceAll('\n', '\r\n'), ''));
    expect(filter.usage).toEqual({ promptTokens: 7, completionTokens: 3 });
  });

  it('keeps a chunk without choices that carries no usage, such as content filter results', () => {
    const event = 'data: {"choices":[],"prompt_filter_results":[]}\n\n';
    expect(run(new SseFilter(true), Buffer.from(event), []).toString()).toBe(event);
  });

  it('holds no more than 1 MiB of one event', () => {
    const filter = new SseFilter(true);
    const big = Buffer.alloc(1024 * 1024 + 1, 0x61);
    expect(filter.push(big)).toBe(big);
    expect(filter.end()).toBeUndefined();
  });

  it('takes the usage that rises with each chunk from the last one', () => {
    const filter = new SseFilter(true);
    filter.push(Buffer.from('data: {"choices":[{}],"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\n'));
    filter.push(Buffer.from('data: {"choices":[{}],"usage": {"prompt_tokens":7,"completion_tokens":2}}\n\n'));
    expect(filter.usage).toEqual({ promptTokens: 7, completionTokens: 2 });
  });
});

describe('lastUsage', () => {
  it('is no usage: null, a word in a text, or a broken object', () => {
    expect(lastUsage(Buffer.from('{"usage":null}'))).toBeUndefined();
    expect(lastUsage(Buffer.from('{"content":"the \\"usage\\": {}"}'))).toBeUndefined();
    expect(lastUsage(Buffer.from('{"usage":{"prompt_tokens":'))).toBeUndefined();
  });

  it('bounds nonsense', () => {
    expect(lastUsage(Buffer.from('{"usage":{"prompt_tokens":-4,"completion_tokens":1e99}}'))).toEqual({
      promptTokens: 0,
      completionTokens: 2 ** 31 - 1,
    });
  });
});

describe('answers', () => {
  it('joins the text of choice 0 of a stream', () => {
    const second = `data: ${JSON.stringify({ choices: [{ index: 1, delta: { content: 'no' } }] })}\n\n`;
    expect(answerOfEvents(Buffer.from(stream + second))).toEqual({
      id: 'c-1',
      text: 'Héllo "choices":[] 😀',
      finishReason: 'stop',
    });
  });

  it('reads chat and text answers', () => {
    const chat = { id: 'a', choices: [{ message: { content: 'hi' }, finish_reason: 'length' }] };
    expect(answerOfJson(Buffer.from(JSON.stringify(chat)))).toEqual({ id: 'a', text: 'hi', finishReason: 'length' });
    const plain = { id: 'b', choices: [{ index: 0, text: ' animal', finish_reason: 'stop' }] };
    expect(answerOfJson(Buffer.from(JSON.stringify(plain)))).toEqual({ id: 'b', text: ' animal', finishReason: 'stop' });
    expect(answerOfJson(Buffer.from('<html>'))).toEqual({ id: '', text: '', finishReason: '' });
  });

  it('cuts between characters', () => {
    expect(cutToBytes('é😀', 5)).toEqual({ text: 'é', cut: true });
    expect(cutToBytes('é😀', 6)).toEqual({ text: 'é😀', cut: false });
    expect(cutToBytes('abc', 0)).toEqual({ text: '', cut: false });
  });
});
