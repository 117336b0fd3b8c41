// SPDX-License-Identifier: Apache-2.0
import type { Piece } from '../generation/generation';
import { CompletionBodies } from './completion-bodies';
import { parseCompletionRequest, type Route } from './completion-request';

const HEAD = { id: 'x-1', created: 5, model: 'm', fingerprint: 'fp' };
const END = { finishReason: 'stop' as const, promptTokens: 3, completionTokens: 2 };
const piece = (text: string): Piece => ({ text, tokens: [] });

function bodies(route: Route, extra: object = {}): CompletionBodies {
  const body = route === 'chat' ? { messages: [{ role: 'user', content: 'q' }] } : { prompt: 'q' };
  return new CompletionBodies(parseCompletionRequest(route, { model: 'm', ...body, ...extra }), HEAD);
}

const deltas = (chunks: object[]): unknown[] =>
  chunks.map((chunk) => (chunk as { choices: { delta: unknown }[] }).choices[0]?.delta);

describe('completion bodies', () => {
  it('keep the leading space of a completion and drop it from a chat', () => {
    expect(bodies('completions').whole([piece(' a'), piece(' b')], END)).toMatchObject({ choices: [{ text: ' a b' }] });
    expect(bodies('chat').whole([piece(' a'), piece(' b')], END)).toMatchObject({
      choices: [{ message: { content: 'a b' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });
  });

  it('stream a chat as role, text, reason', () => {
    const chat = bodies('chat', { stream: true });
    expect(deltas(chat.chunks(piece(' ')))).toEqual([{ role: 'assistant', content: '' }]);
    expect(deltas(chat.chunks(piece(' a')))).toEqual([{ content: 'a' }]);
    expect(deltas(chat.chunks(piece(' b')))).toEqual([{ content: ' b' }]);
    expect(chat.ending(END)).toMatchObject([
      { object: 'chat.completion.chunk', choices: [{ delta: {}, finish_reason: 'stop' }] },
    ]);
  });

  it('give an empty answer its role too', () => {
    expect(deltas(bodies('chat', { stream: true }).ending(END))).toEqual([{ role: 'assistant', content: '' }, {}]);
  });

  it('end with a chunk of usage alone when it was asked for, and say null before', () => {
    const stream = bodies('completions', { stream: true, stream_options: { include_usage: true } });
    expect(stream.chunks(piece('a'))).toMatchObject([{ usage: null }]);
    expect(stream.ending(END).at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 5 } });
    expect(bodies('completions', { stream: true }).chunks(piece('a'))[0]).not.toHaveProperty('usage');
  });

  it('count text offsets over the whole stream', () => {
    const token = (text: string) => ({ token: text, bytes: [], logprob: -1, top: [] });
    const stream = bodies('completions', { stream: true, logprobs: 0 });
    const offsets = ['ab', 'cde', 'f'].map((text) => stream.chunks({ text, tokens: [token(text)] })[0]);
    expect(
      offsets.map((chunk) => (chunk as { choices: { logprobs: { text_offset: number[] } }[] }).choices[0].logprobs.text_offset),
    ).toEqual([[0], [2], [5]]);
  });
});
