// SPDX-License-Identifier: Apache-2.0
import { request as httpRequest, type ServerResponse } from 'node:http';
import OpenAI, { APIError, BadRequestError, NotFoundError, RateLimitError } from 'openai';
import { eventually } from '#libs/testing';
import { answer, sendJson } from './fake-backend';
import { GatewayHarness } from './gateway-harness';

jest.setTimeout(30_000);

describe('OpenAI routes', () => {
  let gateway: GatewayHarness;
  let client: OpenAI;
  const messages = [{ role: 'user' as const, content: 'a hoofed mammal' }];

  beforeAll(async () => {
    gateway = await GatewayHarness.start({ HTTP_BODY_BYTES_MAX: '20000' });
    await gateway.endpoint('triage', { body: { timeoutSeconds: 2, captureBytesMax: 20 } });
    client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  }, 60_000);
  afterAll(() => gateway.close(), 30_000);
  beforeEach(() => {
    gateway.backend.behaviour = undefined;
    gateway.backend.requests.length = 0;
  });

  it('answers the official client, passes unknown fields on, and tells of it in an event', async () => {
    const { data, response } = await client.chat.completions
      .create({ model: 'triage', messages, user: 'u-1', x_unknown: { kept: [1.5] } } as never)
      .withResponse();
    const completion = data;
    expect(completion.choices[0].message.content).toBe('served by triage-v1');
    expect(response.headers.get('x-request-id')).toBeTruthy();
    expect(response.headers.get('x-millrace-model-version')).toBe('1');
    const inferenceId = response.headers.get('x-millrace-inference-id')!;
    expect(completion.id).toBe(`cmpl-${inferenceId}`);
    expect(JSON.parse(gateway.backend.requests[0].raw)).toMatchObject({ model: 'triage-v1', x_unknown: { kept: [1.5] } });
    const event = await gateway.inference(inferenceId);
    expect(event).toMatchObject({
      endpoint: 'triage',
      modelName: 'triage',
      modelVersion: 1,
      arm: 'ARM_NONE',
      rolloutId: '',
      operation: 'chat',
      promptTokens: 7,
      completionTokens: 3,
      statusCode: 200,
      finishReason: 'stop',
      streamed: false,
      inputText: 'a hoofed mammal',
      outputText: 'served by triage-v1',
      truncated: false,
      responseId: completion.id,
    });
    expect(event.userHash).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(event)).not.toContain('u-1');
    expect(event.latencyMs).toBeGreaterThan(0);
  });

  it('streams to the official client without the usage chunk that it did not ask for, yet counts the tokens', async () => {
    const { data, response } = await client.chat.completions.create({ model: 'triage', messages, stream: true }).withResponse();
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of data) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('served by triage-v1');
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
    expect(gateway.backend.requests[0].body.stream_options).toEqual({ include_usage: true });
    const event = await gateway.inference(response.headers.get('x-millrace-inference-id')!);
    expect(event).toMatchObject({ streamed: true, promptTokens: 7, completionTokens: 3, finishReason: 'stop' });
    expect(event.outputText).toBe('served by triage-v1');
    expect(event.responseId).toBe(chunks[0].id);
  });

  it('keeps the usage chunk for a caller who asked, and serves the stream helper', async () => {
    const stream = await client.chat.completions.create({
      model: 'triage',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 10 } });
    const final = await client.chat.completions.stream({ model: 'triage', messages }).finalChatCompletion();
    expect(final.choices[0].message.content).toBe('served by triage-v1');
  });

  it('serves text completions, streamed and not', async () => {
    const whole = await client.completions.create({ model: 'triage', prompt: 'an animal' });
    expect(whole.choices[0].text).toBe('served by triage-v1');
    const stream = await client.completions.create({ model: 'triage', prompt: 'an animal', stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';
    expect(text).toBe('served by triage-v1');
  });

  it('lists models and reads one, also with a name that must be encoded', async () => {
    const models = await client.models.list();
    expect(models.data).toMatchObject([{ id: 'triage', object: 'model', owned_by: 'millrace' }]);
    expect((await client.models.retrieve('triage')).created).toBeGreaterThan(1_700_000_000);
    await expect(client.models.retrieve('a/b:c')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('cuts captured text to the limit of the endpoint and says so', async () => {
    const { response } = await client.chat.completions
      .create({ model: 'triage', messages: [{ role: 'user', content: 'é'.repeat(30) }] })
      .withResponse();
    const event = await gateway.inference(response.headers.get('x-millrace-inference-id')!);
    expect(event).toMatchObject({ inputText: 'é'.repeat(10), truncated: true });
  });

  describe('errors', () => {
    it('are OpenAI errors for what the caller did wrong', async () => {
      await expect(client.chat.completions.create({ model: 'nobody', messages })).rejects.toMatchObject({
        constructor: NotFoundError,
        code: 'model_not_found',
        param: 'model',
        type: 'invalid_request_error',
      });
      const wrong = client.chat.completions.create({ model: 'triage', messages, temperature: 'hot' as never });
      await expect(wrong).rejects.toMatchObject({ constructor: BadRequestError, param: 'temperature' });
      const empty = await gateway.call('POST', '/v1/chat/completions');
      expect([empty.status, empty.body.error.type]).toEqual([400, 'invalid_request_error']);
      const broken = await gateway.call('POST', '/v1/chat/completions', '{"model":');
      expect([broken.status, typeof broken.body.error.message]).toEqual([400, 'string']);
    });

    it('are OpenAI errors for unknown routes, other media types and bodies that are too large', async () => {
      const unknown = await gateway.call('POST', '/v1/embeddings', {});
      expect([unknown.status, typeof unknown.body.error.message]).toEqual([404, 'string']);
      const media = await gateway.call('POST', '/v1/chat/completions', 'x', { 'content-type': 'text/plain' });
      expect([media.status, media.body.error.type]).toEqual([415, 'invalid_request_error']);
      const large = await gateway.chat('triage', { pad: 'x'.repeat(20_001) });
      expect([large.status, large.body.error.type]).toEqual([413, 'invalid_request_error']);
      expect(gateway.backend.requests).toHaveLength(0);
    });

    it('pass on what the backend refuses, with its code', async () => {
      gateway.backend.behaviour = (_seen, response) =>
        sendJson(response, 400, { error: { message: 'too long', param: 'messages', code: 'context_length_exceeded' } });
      await expect(client.chat.completions.create({ model: 'triage', messages })).rejects.toMatchObject({
        constructor: BadRequestError,
        code: 'context_length_exceeded',
        param: 'messages',
      });
      gateway.backend.behaviour = (_seen, response) => {
        response.setHeader('retry-after', '3');
        sendJson(response, 429, { error: { message: 'queue full' } });
      };
      const busy = await client.chat.completions.create({ model: 'triage', messages }).catch((error: unknown) => error);
      expect(busy).toBeInstanceOf(RateLimitError);
      expect((busy as APIError).headers?.get('retry-after')).toBe('3');
    });

    it('are real HTTP statuses while nothing was sent: a crash, a page of HTML, no stream, a timeout', async () => {
      gateway.backend.behaviour = (_seen, response) => void response.destroy();
      const crash = await gateway.chat('triage', { stream: true });
      expect([crash.status, crash.body.error.code]).toEqual([503, 'backend_unavailable']);
      // Once more on another connection, then no more.
      expect(gateway.backend.requests).toHaveLength(2);
      gateway.backend.behaviour = (_seen, response) => void response.writeHead(500).end('<html>');
      expect((await gateway.chat('triage')).status).toBe(502);
      gateway.backend.behaviour = (seen, response) => answer({ ...seen, body: { ...seen.body, stream: false } }, response);
      expect((await gateway.chat('triage', { stream: true })).status).toBe(502);
      gateway.backend.behaviour = () => undefined;
      const late = await gateway.chat('triage');
      expect([late.status, late.body.error.code, late.headers.get('x-should-retry')]).toEqual([504, 'backend_timeout', 'false']);
      await eventually(() => gateway.backend.requests.at(-1)!.cancelled);
    });

    it('are events after the first byte, never in the middle of another event', async () => {
      gateway.backend.behaviour = (_seen, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"so far"}}]}\n\n');
        response.write('data: {"id":"c","choi', () => setImmediate(() => response.destroy()));
      };
      const { data, response } = await client.chat.completions.create({ model: 'triage', messages, stream: true }).withResponse();
      const seen: string[] = [];
      const reading = (async () => {
        for await (const chunk of data) seen.push(chunk.choices[0]?.delta.content ?? '');
      })();
      const error = await reading.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(APIError);
      expect((error as APIError).code).toBe('backend_unavailable');
      expect(seen).toEqual(['so far']);
      const event = await gateway.inference(response.headers.get('x-millrace-inference-id')!);
      expect(event).toMatchObject({
        finishReason: 'error',
        errorCode: 'backend_unavailable',
        outputText: 'so far',
        streamed: true,
      });
    });
  });

  it('sends the first token on while the backend still thinks about the second', async () => {
    let finish = (): void => undefined;
    gateway.backend.behaviour = (seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"first"}}]}\n\n');
      finish = () =>
        answer(seen, {
          writeHead: () => response,
          write: response.write.bind(response),
          end: response.end.bind(response),
        } as never);
    };
    const stream = await client.chat.completions.create({ model: 'triage', messages, stream: true });
    const iterator = stream[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.choices[0]?.delta.content).toBe('first');
    finish();
    while (!(await iterator.next()).done);
  });

  it('cancels the backend when the caller goes away', async () => {
    gateway.backend.behaviour = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n');
    };
    const { data, response } = await client.chat.completions.create({ model: 'triage', messages, stream: true }).withResponse();
    for await (const chunk of data) {
      expect(chunk.id).toBe('c');
      break;
    }
    await eventually(() => gateway.backend.requests[0].cancelled);
    const event = await gateway.inference(response.headers.get('x-millrace-inference-id')!);
    expect(event).toMatchObject({ statusCode: 499, finishReason: 'cancelled' });
    // Nothing counts it as running any more; the scrape itself is one request.
    await eventually(async () => {
      const page = await (await fetch(`${gateway.url}/metrics`)).text();
      return (
        page.includes('millrace_gateway_requests_in_flight 0\n') && page.includes('millrace_gateway_http_requests_in_flight 1\n')
      );
    });
  });

  it('lets a slow reader slow the backend down instead of buffering', async () => {
    const chunk = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"${'x'.repeat(64 * 1024)}"}}]}\n\n`;
    let written = 0;
    gateway.backend.behaviour = async (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      while (written < 1000 && !response.destroyed) {
        written += 1;
        if (!response.write(chunk)) await drained(response);
      }
      response.end();
    };
    const body = JSON.stringify({ model: 'triage', messages, stream: true });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = httpRequest(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers });
    const response = await new Promise<NodeJS.ReadableStream & { destroy(): void }>((resolve) => {
      call.once('response', (incoming) => resolve(incoming)).end(body);
    });
    // Nobody reads: what the backend can write is bounded by the buffers of two sockets, far below the 64 MB it has.
    let before = -1;
    await eventually(
      () => {
        const still = written === before && written > 0;
        before = written;
        return still;
      },
      { intervalMs: 300, timeoutMs: 10_000 },
    );
    expect(written).toBeLessThan(400);
    response.destroy();
    await eventually(() => gateway.backend.requests[0].cancelled);
  });

  it('refuses more requests than it may hold, with hints for the SDK', async () => {
    const full = await GatewayHarness.start({ IN_FLIGHT_MAX: '1' });
    try {
      await full.endpoint('triage');
      let release = (): void => undefined;
      full.backend.behaviour = (seen, response) => {
        release = () => answer(seen, response);
      };
      const first = full.chat('triage');
      await eventually(() => full.backend.requests.length === 1);
      const second = await full.chat('triage');
      expect([second.status, second.body.error.code]).toEqual([429, 'rate_limit_exceeded']);
      expect(second.headers.get('retry-after')).toBe('1');
      release();
      expect((await first).status).toBe(200);
      full.backend.behaviour = undefined;
      await eventually(async () => (await full.chat('triage')).status === 200);
    } finally {
      await full.close();
    }
  }, 30_000);

  it('answers "not ready", not "not found", for a model that its backend has lost, and loads it again', async () => {
    gateway.backend.loaded.clear();
    const lost = await gateway.chat('triage');
    expect([lost.status, lost.body.error.code]).toEqual([503, 'model_not_ready']);
    await eventually(async () => (await gateway.chat('triage')).status === 200);
  });
});

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}
