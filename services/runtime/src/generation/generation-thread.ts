// SPDX-License-Identifier: Apache-2.0
// Entry point of a worker thread: holds models by digest and generates one request at a time.
import { parentPort } from 'node:worker_threads';
import { Generator, readModelFiles, TinyLmError, type GeneratedToken, type TinyModel } from '#libs/tiny-lm';
import type { FromThread, GenerationRequest, Prompt, ToThread, TokenReport } from './generation';

// Pauses between tokens let a cancellation in.
const TOKENS_PER_TURN = 4;

const models = new Map<string, { model: TinyModel; generator: Generator }>();
const cancelled = new Set<number>();
let active: number | undefined;

const send = (message: FromThread): void => parentPort?.postMessage(message);
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function promptIds(model: TinyModel, prompt: Prompt): number[] {
  if ('messages' in prompt) return model.tokenizer.encodeChat(prompt.messages);
  if ('text' in prompt) return model.tokenizer.encode(prompt.text);
  const { vocabSize } = model.config;
  const wrong = prompt.ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (wrong >= 0)
    throw new TinyLmError('TINY_LM.EXAMPLE_INVALID', 'prompt', `token ${wrong} is no id from 0 to ${vocabSize - 1}`);
  return prompt.ids;
}

function report(model: TinyModel, token: GeneratedToken): TokenReport {
  const top = token.top.map(({ id, logprob }) => ({
    token: model.tokenizer.decode([id]),
    bytes: [...model.tokenizer.tokenBytes(id)],
    logprob,
  }));
  return { token: token.token, bytes: token.bytes, logprob: token.logprob, top };
}

async function generate(id: number, request: GenerationRequest): Promise<void> {
  const loaded = models.get(request.digest);
  if (!loaded) throw new TinyLmError('TINY_LM.FILE_INVALID', 'model', 'is not in this thread');
  const { model, generator } = loaded;
  const ids = promptIds(model, request.prompt);
  const { options } = request;
  // More tokens than the context has room for end as "length", as on other servers; a prompt without room is refused.
  const room = Math.max(1, model.config.contextTokens - ids.length);
  const maxTokens = Math.min(options.maxTokens ?? room, room);
  const pieces = generator.stream(ids, { ...options, maxTokens });
  for (let count = 1; ; count++) {
    const next = pieces.next();
    if (next.done) return send({ kind: 'end', id, end: next.value });
    const { text, tokens } = next.value;
    const reports = options.logprobs === undefined ? [] : tokens.map((token) => report(model, token));
    if (text !== '' || reports.length > 0) send({ kind: 'piece', id, piece: { text, tokens: reports } });
    if (count % TOKENS_PER_TURN === 0) await nextTurn();
    if (cancelled.delete(id)) throw new TinyLmError('TINY_LM.SETTINGS_INVALID', 'request', 'was cancelled');
  }
}

async function run(id: number, request: GenerationRequest): Promise<void> {
  active = id;
  try {
    await generate(id, request);
  } catch (error) {
    const known = error instanceof TinyLmError ? error : undefined;
    send({ kind: 'failed', id, code: known?.code ?? 'UNKNOWN', field: known?.field ?? '', message: (error as Error).message });
  } finally {
    active = undefined;
    cancelled.delete(id);
  }
}

parentPort?.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'model': {
      const files = Object.entries(message.files).map(([name, bytes]) => [name, Buffer.from(bytes)]);
      const model = readModelFiles(Object.fromEntries(files) as typeof message.files);
      models.set(message.digest, { model, generator: new Generator(model) });
      break;
    }
    case 'forget':
      models.delete(message.digest);
      break;
    case 'generate':
      void run(message.id, message);
      break;
    case 'cancel':
      if (active === message.id) cancelled.add(message.id);
      break;
  }
});
