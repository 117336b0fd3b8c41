// SPDX-License-Identifier: Apache-2.0
import { CompletionErrors } from './completions.errors';

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === 'string' ? undefined : 'must be a string');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');
const object: Check = (value) => (isObject(value) ? undefined : 'must be an object');
const number: Check = (value) => (typeof value === 'number' ? undefined : 'must be a number');
const whole =
  (min: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min ? undefined : `must be a whole number, ${min} or more`;
const between =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === 'number' && value >= min && value <= max ? undefined : `must be a number from ${min} to ${max}`;
const stops: Check = (value) =>
  typeof value === 'string' || isTextList(value) ? undefined : 'must be a string or a list of strings';

// Only types and ranges that hold for every OpenAI-compatible server; limits of a model are the backend's to refuse.
const OPTIONAL: Readonly<Record<string, Check>> = {
  stream: flag,
  stream_options: object,
  user: text,
  safety_identifier: text,
  temperature: between(0, 2),
  top_p: between(0, 1),
  frequency_penalty: between(-2, 2),
  presence_penalty: between(-2, 2),
  n: whole(1),
  max_tokens: whole(0),
  max_completion_tokens: whole(0),
  seed: number,
  stop: stops,
  logit_bias: object,
};

/**
 * Checks what the gateway relies on and what no server could accept, and names the parameter. Fields that it does not know are
 * nobody's business here: they reach the backend untouched.
 */
export function checkParameters(operation: 'chat' | 'text_completion', fields: Readonly<Record<string, unknown>>): void {
  if (typeof fields.model !== 'string') throw refused('model', 'you must provide a model parameter that is a string');
  if (fields.model === '') throw refused('model', 'must not be empty');
  for (const name of Object.keys(OPTIONAL)) {
    const value = fields[name];
    // OpenAI clients send null for "not set".
    if (value === undefined || value === null) continue;
    const problem = OPTIONAL[name](value);
    if (problem) throw refused(name, problem);
  }
  if (isObject(fields.stream_options) && fields.stream !== true) {
    throw refused('stream_options', 'is only allowed when stream is true');
  }
  if (operation === 'chat') checkMessages(fields.messages);
  else checkPrompt(fields.prompt);
}

function checkMessages(messages: unknown): void {
  if (!Array.isArray(messages)) throw refused('messages', 'must be a list of messages');
  if (messages.length === 0) throw refused('messages', 'must not be empty');
  for (const [index, message] of (messages as unknown[]).entries()) {
    if (!isObject(message)) throw refused(`messages[${index}]`, 'must be an object');
    if (typeof message.role !== 'string') throw refused(`messages[${index}].role`, 'must be a string');
    const { content } = message;
    const known = content === undefined || content === null || typeof content === 'string' || Array.isArray(content);
    if (!known) throw refused(`messages[${index}].content`, 'must be a string or a list of parts');
  }
}

function checkPrompt(prompt: unknown): void {
  if (typeof prompt === 'string') return;
  if (Array.isArray(prompt) && prompt.length > 0) {
    const items = prompt as unknown[];
    if (isTextList(items) || items.every(Number.isInteger)) return;
    if (items.every((item) => Array.isArray(item) && item.every(Number.isInteger))) return;
  }
  throw refused('prompt', 'must be a string, a list of strings, or token ids');
}

function refused(param: string, message: string): Error {
  return CompletionErrors.INVALID_REQUEST(`${param}: ${message}`, { param });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
