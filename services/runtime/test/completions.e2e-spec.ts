// SPDX-License-Identifier: Apache-2.0
import type OpenAI from 'openai';
import type { RunningService } from '#libs/service-host';
import { call, clientOf, PROMPT, putModel, RuntimeHarness } from './runtime-harness';

let harness: RuntimeHarness;
let running: RunningService;
let openai: OpenAI;

beforeAll(async () => {
  harness = await RuntimeHarness.create();
  running = await harness.start();
  await putModel(running, 'triage-v1', harness.digests.base, ['triage']);
  openai = clientOf(running);
});
afterAll(() => harness.close());

describe('completions with the official client', () => {
  it('answer, count, and repeat themselves with a seed', async () => {
    const request = { model: 'triage', prompt: PROMPT, max_tokens: 8, temperature: 1, seed: 7 };
    const first = await openai.completions.create(request);
    expect(first).toMatchObject({ object: 'text_completion', model: 'triage', choices: [{ index: 0, logprobs: null }] });
    expect(first.choices[0].finish_reason).toMatch(/stop|length/);
    expect(first.usage?.total_tokens).toBe((first.usage?.prompt_tokens ?? 0) + (first.usage?.completion_tokens ?? 0));
    expect((await openai.completions.create(request)).choices[0].text).toBe(first.choices[0].text);
  });

  it('stream the same text, with usage when asked for', async () => {
    const request = { model: 'triage', prompt: 'a', max_tokens: 30, temperature: 1, seed: 3 };
    const whole = await openai.completions.create(request);
    let text = '';
    let usage: object | null | undefined;
    let reason: string | null = null;
    for await (const chunk of await openai.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      text += chunk.choices[0]?.text ?? '';
      reason = chunk.choices[0]?.finish_reason ?? reason;
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(whole.choices[0].text);
    expect(reason).toBe(whole.choices[0].finish_reason);
    expect(usage).toEqual(whole.usage);
  });

  it('give log probabilities', async () => {
    const answer = await openai.completions.create({
      model: 'triage',
      prompt: PROMPT,
      max_tokens: 2,
      temperature: 0,
      logprobs: 2,
    });
    const { logprobs } = answer.choices[0];
    expect(logprobs?.tokens?.length).toBeGreaterThan(0);
    expect(logprobs?.token_logprobs?.[0]).toBeLessThanOrEqual(0);
    expect(Object.keys(logprobs?.top_logprobs?.[0] ?? {})).toHaveLength(2);
    expect(logprobs?.text_offset?.[0]).toBe(0);
  });

  it('take token ids, and end where the context ends', async () => {
    const answer = await openai.completions.create({ model: 'triage', prompt: [500, 501], max_tokens: 1000, temperature: 0 });
    expect(answer.usage?.prompt_tokens).toBe(2);
    expect(answer.usage?.total_tokens).toBeLessThanOrEqual(96);
  });
});

describe('chat with the official client', () => {
  const messages = [{ role: 'user' as const, content: PROMPT }];

  it('answers as the completion does, without the leading space', async () => {
    const plain = await openai.completions.create({ model: 'triage', prompt: PROMPT, max_tokens: 6, temperature: 0 });
    const chat = await openai.chat.completions.create({ model: 'triage', messages, max_tokens: 6, temperature: 0 });
    expect(chat.choices[0].message).toMatchObject({ role: 'assistant', content: plain.choices[0].text.trimStart() });
    expect(chat.usage).toEqual(plain.usage);
    expect(chat.id).toMatch(/^chatcmpl-/);
  });

  it('streams: role first, then text, reason, done', async () => {
    const whole = await openai.chat.completions.create({ model: 'triage', messages, temperature: 1, seed: 5 });
    const chunks = [];
    for await (const chunk of await openai.chat.completions.create({
      model: 'triage',
      messages,
      temperature: 1,
      seed: 5,
      stream: true,
    })) {
      chunks.push(chunk);
    }
    expect(chunks[0].choices[0].delta.role).toBe('assistant');
    expect(chunks.map(({ choices }) => choices[0].delta.content ?? '').join('')).toBe(whole.choices[0].message.content);
    expect(chunks.at(-1)?.choices[0].finish_reason).toBe(whole.choices[0].finish_reason);
    const helper = openai.chat.completions.stream({ model: 'triage', messages, temperature: 1, seed: 5 });
    expect(await helper.finalContent()).toBe(whole.choices[0].message.content);
  });

  it('gives log probabilities with alternatives', async () => {
    const answer = await openai.chat.completions.create({
      model: 'triage',
      messages,
      temperature: 0,
      logprobs: true,
      top_logprobs: 3,
    });
    const first = answer.choices[0].logprobs?.content?.[0];
    expect(first?.top_logprobs).toHaveLength(3);
    expect(first?.top_logprobs[0]).toMatchObject({ token: first?.token, logprob: first?.logprob });
  });

  it('stops before a stop sequence', async () => {
    const whole = await openai.chat.completions.create({ model: 'triage', messages, temperature: 0 });
    const stop = whole.choices[0].message.content?.slice(2, 4) ?? '';
    const cut = await openai.chat.completions.create({ model: 'triage', messages, temperature: 0, stop });
    expect(cut.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: whole.choices[0].message.content?.split(stop)[0] },
    });
  });
});

describe('bad requests', () => {
  const good = { model: 'triage', prompt: 'x' };
  it.each([
    ['/v1/completions', { ...good, prompt: undefined }, 'prompt'],
    ['/v1/completions', { ...good, prompt: '' }, 'prompt'],
    ['/v1/completions', { ...good, prompt: ['a', 'b'] }, 'prompt'],
    ['/v1/completions', { ...good, prompt: [4096] }, 'prompt'],
    ['/v1/completions', { ...good, model: 3 }, 'model'],
    ['/v1/completions', { ...good, temperature: '1' }, 'temperature'],
    ['/v1/completions', { ...good, temperature: 3 }, 'temperature'],
    ['/v1/completions', { ...good, top_p: -1 }, 'top_p'],
    ['/v1/completions', { ...good, max_tokens: 0 }, 'max_tokens'],
    ['/v1/completions', { ...good, seed: 1.5 }, 'seed'],
    ['/v1/completions', { ...good, n: 2 }, 'n'],
    ['/v1/completions', { ...good, echo: true }, 'echo'],
    ['/v1/completions', { ...good, logprobs: 6 }, 'logprobs'],
    ['/v1/completions', { ...good, stop: [''] }, 'stop'],
    ['/v1/completions', { ...good, stream: 'yes' }, 'stream'],
    ['/v1/completions', { ...good, stream_options: { include_usage: true } }, 'stream_options'],
    ['/v1/completions', [], 'body'],
    ['/v1/chat/completions', { model: 'triage' }, 'messages'],
    ['/v1/chat/completions', { model: 'triage', messages: [{ role: 'cat', content: 'x' }] }, 'messages[0].role'],
    [
      '/v1/chat/completions',
      { model: 'triage', messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      'messages[0].content[0]',
    ],
    ['/v1/chat/completions', { model: 'triage', messages: [{ role: 'user', content: 'x' }], tools: [{}] }, 'tools'],
    ['/v1/chat/completions', { model: 'triage', messages: [{ role: 'user', content: 'x' }], top_logprobs: 2 }, 'top_logprobs'],
  ])('%s %j is refused, naming %s', async (path, body, param) => {
    const answer = await call(running, 'POST', path, body);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ type: 'invalid_request_error', param });
  });

  it.each([false, true])('a prompt longer than the context is a real 400 (stream %s)', async (stream) => {
    const request = openai.completions.create({ model: 'triage', prompt: 'word '.repeat(200), stream });
    await expect(request).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' });
  });

  it('a body that is no JSON, or a route that is not there, is answered in the words of OpenAI', async () => {
    expect((await call(running, 'POST', '/v1/completions', '{')).body.error.type).toBe('invalid_request_error');
    expect((await call(running, 'GET', '/v1/engines')).body.error.code).toBe('route_not_found');
  });
});

describe('bounds', () => {
  const long = { model: 'triage', prompt: 'a', max_tokens: 95, temperature: 2, logit_bias: {} };

  it('answer 429 with a hint beyond the queue, and serve everyone else', async () => {
    const tight = await harness.start({ QUEUE_REQUESTS_MAX: '2' });
    try {
      await putModel(tight, 'triage', harness.digests.base);
      const answers = await Promise.all(Array.from({ length: 8 }, () => call(tight, 'POST', '/v1/completions', long)));
      const refused = answers.filter(({ status }) => status === 429);
      expect(answers.filter(({ status }) => status === 200).length).toBe(8 - refused.length);
      expect(refused.length).toBeGreaterThan(0);
      expect(refused[0].body.error.code).toBe('rate_limit_exceeded');
      expect((await call(tight, 'POST', '/v1/completions', long)).status).toBe(200);
    } finally {
      await tight.close();
    }
  });

  it('free the thread when the client goes away', async () => {
    for (let i = 0; i < 3; i++) {
      const stream = await openai.completions.create({ ...long, stream: true });
      for await (const _chunk of stream) break;
    }
    expect((await openai.completions.create({ ...long, max_tokens: 3 })).usage?.completion_tokens).toBeLessThanOrEqual(3);
  });

  it('keep models within the memory bound: the least recently used leaves and comes back on demand', async () => {
    // One model takes about 3.5 MB with one thread.
    const small = await harness.start({ MODEL_MEMORY_BYTES_MAX: '5000000' });
    try {
      await putModel(small, 'one-v1', harness.digests.base);
      await putModel(small, 'two-v1', harness.digests.other);
      const resident = async (): Promise<boolean[]> =>
        (await call(small, 'GET', '/api/v1/models')).body.items.map((m: { isResident: boolean }) => m.isResident);
      expect(await resident()).toEqual([false, true]);
      expect((await clientOf(small).completions.create({ model: 'one-v1', prompt: PROMPT })).choices).toHaveLength(1);
      expect(await resident()).toEqual([true, false]);
    } finally {
      await small.close();
    }
  });

  it('refuse a model that cannot fit at all', async () => {
    const tiny = await harness.start({ MODEL_MEMORY_BYTES_MAX: '1048576' });
    try {
      expect(await putModel(tiny, 'one-v1', harness.digests.base)).toMatchObject({
        status: 429,
        body: { code: 'RUNTIME.MODEL_TOO_LARGE' },
      });
    } finally {
      await tiny.close();
    }
  });
});

it('generates at least 200 tokens per second for one request', async () => {
  const request = { model: 'triage', prompt: 'a', max_tokens: 90, temperature: 2, seed: 11 };
  await openai.completions.create(request);
  let tokens = 0;
  const started = performance.now();
  for (let i = 0; i < 10; i++) tokens += (await openai.completions.create({ ...request, seed: i })).usage?.completion_tokens ?? 0;
  expect(tokens / ((performance.now() - started) / 1000)).toBeGreaterThan(200);
});
