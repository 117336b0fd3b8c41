// SPDX-License-Identifier: Apache-2.0
import type { ChatMessage, GenerateOptions } from '#libs/tiny-lm';
import type { Prompt } from '../generation/generation';
import { invalidParameter } from '../runtime.errors';
import { RequestFields } from './request-fields';

export type Route = 'completions' | 'chat';

/** A request on one of the two routes, checked. */
export interface CompletionRequest {
  route: Route;
  model: string;
  prompt: Prompt;
  options: GenerateOptions;
  isStream: boolean;
  includeUsage: boolean;
}

// OpenAI's default for completions; a chat goes on as long as the context allows.
const COMPLETION_TOKENS_DEFAULT = 16;
const TOKENS_MAX = 1_000_000;
const COMMON_HARMLESS = { n: [1], presence_penalty: [0], frequency_penalty: [0], logit_bias: [{}] };
const HARMLESS: Record<Route, Record<string, unknown[]>> = {
  completions: { ...COMMON_HARMLESS, best_of: [1], echo: [false], suffix: [''] },
  chat: {
    ...COMMON_HARMLESS,
    tools: [[]],
    functions: [[]],
    tool_choice: ['none', 'auto'],
    response_format: [{ type: 'text' }],
    modalities: [['text']],
    audio: [],
  },
};

/** Checks a request body; every fault names its parameter (RUNTIME.INVALID_REQUEST). */
export function parseCompletionRequest(route: Route, body: unknown): CompletionRequest {
  const fields = new RequestFields(body);
  fields.refuseUnsupported(HARMLESS[route]);
  const isStream = fields.flag('stream');
  return {
    route,
    model: fields.text('model'),
    prompt: route === 'chat' ? { messages: readMessages(fields.get('messages')) } : readPrompt(fields.get('prompt')),
    options: {
      maxTokens: readMaxTokens(route, fields),
      temperature: fields.number('temperature', { min: 0, max: 2 }) ?? 1,
      topP: fields.number('top_p', { min: 0, max: 1 }) ?? 1,
      seed: fields.number('seed', { min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, whole: true }),
      stop: fields.stops(),
      logprobs: readLogprobs(route, fields),
    },
    isStream,
    includeUsage: readIncludeUsage(fields.get('stream_options'), isStream),
  };
}

function readMaxTokens(route: Route, fields: RequestFields): number | undefined {
  const range = { min: 1, max: TOKENS_MAX, whole: true };
  const maxTokens = fields.number('max_tokens', range);
  if (route === 'completions') return maxTokens ?? COMPLETION_TOKENS_DEFAULT;
  return fields.number('max_completion_tokens', range) ?? maxTokens;
}

function readLogprobs(route: Route, fields: RequestFields): number | undefined {
  if (route === 'completions') return fields.number('logprobs', { min: 0, max: 5, whole: true });
  const top = fields.number('top_logprobs', { min: 0, max: 20, whole: true });
  if (!fields.flag('logprobs')) {
    if (top !== undefined) throw invalidParameter('top_logprobs', 'needs logprobs to be true');
    return undefined;
  }
  return top ?? 0;
}

function readIncludeUsage(options: unknown, isStream: boolean): boolean {
  if (options === undefined) return false;
  if (!isStream) throw invalidParameter('stream_options', 'is only for streams');
  const fields = new RequestFields(options);
  return fields.flag('include_usage');
}

function readPrompt(prompt: unknown): Prompt {
  // One prompt may come wrapped in a list.
  const single: unknown = Array.isArray(prompt) && prompt.length === 1 && typeof prompt[0] !== 'number' ? prompt[0] : prompt;
  if (typeof single === 'string' && single !== '') return { text: single };
  if (Array.isArray(single) && single.length > 0 && single.every((id) => Number.isInteger(id)))
    return { ids: single as number[] };
  if (Array.isArray(single) && single.length > 1)
    throw invalidParameter('prompt', 'must be one prompt; send one request for each');
  throw invalidParameter('prompt', 'must be a non-empty string or a list of token ids');
}

function readMessages(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) throw invalidParameter('messages', 'must be a non-empty list');
  return messages.map((message: unknown, index): ChatMessage => {
    const at = `messages[${index}]`;
    if (typeof message !== 'object' || message === null) throw invalidParameter(at, 'must be an object');
    const { role, content } = message as { role?: unknown; content?: unknown };
    // "developer" is the newer name of "system".
    const known = role === 'developer' ? 'system' : role;
    if (known !== 'system' && known !== 'user' && known !== 'assistant') {
      throw invalidParameter(`${at}.role`, 'must be system, developer, user or assistant');
    }
    return { role: known, content: readContent(content, `${at}.content`) };
  });
}

function readContent(content: unknown, at: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw invalidParameter(at, 'must be a string or a list of text parts');
  return content
    .map((part: unknown, index) => {
      const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown };
      if (type !== 'text' || typeof text !== 'string') throw invalidParameter(`${at}[${index}]`, 'must be a text part');
      return text;
    })
    .join('');
}
