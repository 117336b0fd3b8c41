// SPDX-License-Identifier: Apache-2.0
import type { AppError } from '#libs/errors';
import { backendBody, inputText, parseCompletionRequest, type Operation } from './completion-request';

const chat = { model: 'triage', messages: [{ role: 'user', content: 'hello' }] };

function parse(value: unknown, operation: Operation = 'chat') {
  return parseCompletionRequest(operation, Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)));
}

function paramOf(value: unknown, operation: Operation = 'chat'): unknown {
  try {
    parse(value, operation);
  } catch (error) {
    expect((error as AppError).code).toBe('GATEWAY.INVALID_REQUEST');
    return (error as AppError).details.param ?? null;
  }
  return 'accepted';
}

describe('parseCompletionRequest', () => {
  it.each([
    [{ ...chat, model: undefined }, 'model'],
    [{ ...chat, model: 3 }, 'model'],
    [{ ...chat, model: '' }, 'model'],
    [{ model: 'm' }, 'messages'],
    [{ model: 'm', messages: [] }, 'messages'],
    [{ model: 'm', messages: ['x'] }, 'messages[0]'],
    [{ model: 'm', messages: [{ content: 'x' }] }, 'messages[0].role'],
    [{ model: 'm', messages: [chat.messages[0], { role: 'user', content: 5 }] }, 'messages[1].content'],
    [{ ...chat, stream: 'yes' }, 'stream'],
    [{ ...chat, temperature: '0.5' }, 'temperature'],
    [{ ...chat, temperature: 3 }, 'temperature'],
    [{ ...chat, max_tokens: -1 }, 'max_tokens'],
    [{ ...chat, stop: [1] }, 'stop'],
    [{ ...chat, user: 7 }, 'user'],
    [{ ...chat, stream_options: { include_usage: true } }, 'stream_options'],
  ])('names the wrong parameter of %j', (body, param) => {
    expect(paramOf(body)).toBe(param);
  });

  it('wants a prompt of text or tokens for completions', () => {
    expect(paramOf({ model: 'm' }, 'text_completion')).toBe('prompt');
    expect(paramOf({ model: 'm', prompt: [] }, 'text_completion')).toBe('prompt');
    expect(paramOf({ model: 'm', prompt: [1, 'x'] }, 'text_completion')).toBe('prompt');
    expect(paramOf({ model: 'm', prompt: [[1, 2]] }, 'text_completion')).toBe('accepted');
    expect(paramOf({ model: 'm', prompt: '' }, 'text_completion')).toBe('accepted');
  });

  it.each([[''], ['[1]'], ['{"model":'], ['null'], ['"x"']])('refuses the body %j', (text) => {
    expect(paramOf(Buffer.from(text))).toBeNull();
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(paramOf(Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xff]), Buffer.from('"}')]))).toBeNull();
  });

  it('refuses what nests deeper than 200 levels before it is parsed; brackets in a text do not count', () => {
    const nested = (levels: number): Buffer =>
      Buffer.from(`{"x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)},${JSON.stringify(chat).slice(1)}`);
    expect(paramOf(nested(200))).toBe('accepted');
    expect(paramOf(nested(201))).toBeNull();
    expect(() => parse(Buffer.from('['.repeat(1_000_000)))).toThrow('nests deeper than 200 levels');
    expect(paramOf({ ...chat, messages: [{ role: 'user', content: `\\"${'['.repeat(500)}\\` }] })).toBe('accepted');
  });

  it('takes null for "not set", as SDKs send it', () => {
    expect(paramOf({ ...chat, stream: null, temperature: null, stop: null, user: null })).toBe('accepted');
  });

  it('takes the user from user, else safety_identifier', () => {
    expect(parse({ ...chat, user: 'u', safety_identifier: 's' }).user).toBe('u');
    expect(parse({ ...chat, safety_identifier: 's' }).user).toBe('s');
    expect(parse({ ...chat, user: '' }).user).toBeUndefined();
  });
});

describe('backendBody', () => {
  it('changes the model and nothing else, byte for byte', () => {
    const body = Buffer.from(
      '{ "x-unknown": [1.0, 1e5, "\\u00e9"],\n "model":"triage" , "messages":[{"role":"user","content":"model"}] }',
    );
    const sent = backendBody(parse(body), 'triage-v2').toString();
    expect(sent).toBe(
      '{ "x-unknown": [1.0, 1e5, "\\u00e9"],\n "model":"triage-v2" , "messages":[{"role":"user","content":"model"}] }',
    );
  });

  it('patches every place of a name that occurs twice', () => {
    const body = Buffer.from('{"model":"other","messages":[{"role":"user","content":"x"}],"mod\\u0065l":"triage"}');
    const request = parse(body);
    expect(request.model).toBe('triage');
    const sent = backendBody(request, 'v2').toString();
    expect(sent).not.toContain('other');
    expect(JSON.parse(sent)).toMatchObject({ model: 'v2' });
  });

  it('asks for usage on every stream and keeps other stream options', () => {
    const added = JSON.parse(backendBody(parse({ ...chat, stream: true }), 'v').toString()) as unknown;
    expect(added).toEqual({ ...chat, model: 'v', stream: true, stream_options: { include_usage: true } });
    const options = { include_usage: false, include_obfuscation: true };
    const merged = backendBody(parse({ ...chat, stream: true, stream_options: options }), 'v');
    expect(JSON.parse(merged.toString())).toMatchObject({ stream_options: { include_usage: true, include_obfuscation: true } });
    const asked = parse({ ...chat, stream: true, stream_options: { include_usage: true } });
    expect(asked.includeUsage).toBe(true);
    expect(JSON.parse(backendBody(asked, 'v').toString())).toMatchObject({ stream_options: { include_usage: true } });
  });

  it('replaces stream options that are null', () => {
    const sent = backendBody(parse({ ...chat, stream: true, stream_options: null }), 'v').toString();
    expect(JSON.parse(sent)).toMatchObject({ stream_options: { include_usage: true } });
  });
});

describe('inputText', () => {
  it('is the last user message, with the text parts of a list', () => {
    const content = [
      { type: 'text', text: 'one' },
      { type: 'image_url', image_url: {} },
      { type: 'text', text: 'two' },
    ];
    const messages = [
      { role: 'user', content: 'first' },
      { role: 'user', content },
      { role: 'assistant', content: 'prefill' },
    ];
    expect(inputText(parse({ model: 'm', messages }))).toBe('one\ntwo');
  });

  it('is the prompt of a completion; token ids have no text', () => {
    expect(inputText(parse({ model: 'm', prompt: ['a', 'b'] }, 'text_completion'))).toBe('a\nb');
    expect(inputText(parse({ model: 'm', prompt: [1, 2] }, 'text_completion'))).toBe('');
  });
});
