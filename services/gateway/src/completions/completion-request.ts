// SPDX-License-Identifier: Apache-2.0
import { isUtf8 } from 'node:buffer';
import { JSON_DEPTH_MAX, nestsTooDeep } from '#libs/http';
import { CompletionErrors } from './completions.errors';
import { objectSpans, patchJson, type Patch } from './json-spans';
import { checkParameters } from './request-parameters';

/** The OpenTelemetry names of the two operations. */
export type Operation = 'chat' | 'text_completion';

/** A checked request. `body` keeps the caller's bytes, also of fields that we do not know. */
export interface CompletionRequest {
  operation: Operation;
  /** Endpoint asked for. */
  model: string;
  stream: boolean;
  /** The caller asked for the usage chunk at the end of a stream. */
  includeUsage: boolean;
  /** User id from the body, or undefined. */
  user: string | undefined;
  fields: Readonly<Record<string, unknown>>;
  body: Buffer;
}

/** Parses and checks a body. Throws GATEWAY.INVALID_REQUEST naming the parameter. */
export function parseCompletionRequest(operation: Operation, body: Buffer): CompletionRequest {
  const fields = parseObject(body);
  checkParameters(operation, fields);
  const options = fields.stream_options as { include_usage?: unknown } | null | undefined;
  return {
    operation,
    model: fields.model as string,
    stream: fields.stream === true,
    includeUsage: options?.include_usage === true,
    user: firstText(fields.user, fields.safety_identifier),
    fields,
    body,
  };
}

/**
 * The body for the backend: `model` becomes the backend's id; a stream always asks for usage. Nothing else changes, byte for
 * byte. A name that occurs twice is patched at each place, so no parser can read the old value.
 */
export function backendBody(request: CompletionRequest, modelId: string): Buffer {
  const spans = objectSpans(request.body);
  const patches: Patch[] = [];
  let options: Patch | undefined;
  for (const field of spans.fields) {
    if (field.name === 'model') patches.push({ ...range(field), text: JSON.stringify(modelId) });
    if (field.name === 'stream_options') options = { ...range(field), text: '' };
  }
  if (request.stream && !request.includeUsage) {
    const asked = (request.fields.stream_options ?? {}) as Record<string, unknown>;
    const text = JSON.stringify({ ...asked, include_usage: true });
    if (options) patches.push({ ...options, text });
    else patches.push({ start: spans.close, end: spans.close, text: `,"stream_options":${text}` });
  }
  return patchJson(request.body, patches);
}

/** What was asked, for people: the last user message, or the prompt. */
export function inputText(request: CompletionRequest): string {
  if (request.operation === 'text_completion') return promptText(request.fields.prompt);
  const messages = request.fields.messages as { role?: unknown; content?: unknown }[];
  const last = messages.findLast((message) => message.role === 'user') ?? messages.at(-1);
  return contentText(last?.content);
}

/** Text of a message's content: a string, or the text parts of a list. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => (part as { text?: unknown } | null)?.text)
    .filter((text): text is string => typeof text === 'string')
    .join('\n');
}

function promptText(prompt: unknown): string {
  if (typeof prompt === 'string') return prompt;
  if (!Array.isArray(prompt)) return '';
  // Token ids cannot be shown as text.
  return prompt.filter((part): part is string => typeof part === 'string').join('\n');
}

function parseObject(body: Buffer): Record<string, unknown> {
  if (body.length === 0) throw wrong('the request body is empty; send a JSON object');
  if (!isUtf8(body)) throw wrong('the request body is not valid UTF-8');
  if (nestsTooDeep(body)) throw wrong(`the request body nests deeper than ${JSON_DEPTH_MAX} levels`);
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw wrong(`the request body is not valid JSON: ${(error as Error).message.slice(0, 200)}`, error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('the request body must be a JSON object');
  return value as Record<string, unknown>;
}

function wrong(message: string, cause?: unknown): Error {
  return CompletionErrors.INVALID_REQUEST(message, {}, cause);
}

function firstText(...values: unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '');
}

function range(span: { start: number; end: number }): { start: number; end: number } {
  return { start: span.start, end: span.end };
}
