// SPDX-License-Identifier: Apache-2.0
import { parseCompletionRequest } from './completion-request';

describe('completion request', () => {
  it('has the defaults of OpenAI', () => {
    expect(parseCompletionRequest('completions', { model: 'm', prompt: 'p' })).toMatchObject({
      prompt: { text: 'p' },
      options: { maxTokens: 16, temperature: 1, topP: 1, stop: [] },
      isStream: false,
    });
    const chat = parseCompletionRequest('chat', { model: 'm', messages: [{ role: 'user', content: 'p' }] });
    expect(chat.options.maxTokens).toBeUndefined();
    expect(chat.options.logprobs).toBeUndefined();
  });

  it('takes the newer names and shapes', () => {
    const request = parseCompletionRequest('chat', {
      model: 'm',
      max_tokens: 3,
      max_completion_tokens: 9,
      stop: 'x',
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
        { role: 'user', content: 'q' },
      ],
      logprobs: true,
      user: 'u-1',
      metadata: {},
    });
    expect(request.prompt).toEqual({
      messages: [
        { role: 'system', content: 'ab' },
        { role: 'user', content: 'q' },
      ],
    });
    expect(request.options).toMatchObject({ maxTokens: 9, stop: ['x'], logprobs: 0 });
  });

  it.each([
    [{ prompt: ['p'] }, { text: 'p' }],
    [{ prompt: [1, 2] }, { ids: [1, 2] }],
    [{ prompt: [[1, 2]] }, { ids: [1, 2] }],
  ])('reads the prompt of %j', (body, prompt) => {
    expect(parseCompletionRequest('completions', { model: 'm', ...body }).prompt).toEqual(prompt);
  });

  it('takes null for "not given"', () => {
    const body = { model: 'm', prompt: 'p', stop: null, seed: null, max_tokens: null, logit_bias: null, stream: null };
    expect(parseCompletionRequest('completions', body).options.maxTokens).toBe(16);
  });

  it.each([
    { n: 2 },
    { presence_penalty: 1 },
    { logit_bias: { 5: 1 } },
    { response_format: { type: 'json_object' } },
    { tools: [{ type: 'function' }] },
  ])('refuses %j rather than ignore it', (extra) => {
    const body = { model: 'm', messages: [{ role: 'user', content: 'p' }], ...extra };
    expect(() => parseCompletionRequest('chat', body)).toThrow(
      expect.objectContaining({
        code: 'RUNTIME.INVALID_REQUEST',
        details: expect.objectContaining({ param: Object.keys(extra)[0] }),
      }),
    );
  });
});
