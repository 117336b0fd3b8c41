// SPDX-License-Identifier: Apache-2.0
import { CommonErrors, type AppError } from '#libs/errors';
import type { BackendHead } from './backend-call';
import { CompletionErrors } from './completions.errors';

/** What a backend said in OpenAI's error shape. */
interface SaidError {
  message: string;
  param: string | undefined;
  code: string | undefined;
}

/**
 * A backend's refusal as ours. What is the caller's fault stays the caller's fault; a model that the backend should have is not
 * "not found" for the caller but "not ready"; and our own lack of access to a backend is nothing that the caller could mend.
 */
export function passOnError(head: BackendHead, body: Buffer, streamAsked: boolean): AppError {
  const { status } = head;
  if (status < 300) {
    const asked = streamAsked
      ? 'the model server answered no event stream to a streaming request'
      : `unexpected status ${status}`;
    return CompletionErrors.BACKEND_BAD_ANSWER(asked, { status });
  }
  const said = read(body);
  const message = said.message === '' ? `the model server answered ${status}` : said.message;
  if (status === 404 || (status === 400 && said.code === 'model_not_found')) {
    return CompletionErrors.MODEL_NOT_READY('the model is not loaded on its server at the moment');
  }
  if (status === 401 || status === 403)
    return CompletionErrors.BACKEND_BAD_ANSWER('the model server refused the gateway', { status });
  if (status === 429) {
    return CompletionErrors.TOO_MANY_REQUESTS(message, {}).withRetryAfter(retryAfterMs(head));
  }
  if (status === 400 || status === 413 || status === 422) {
    // "context_length_exceeded" and its like are what SDK users look for: they go through.
    const details = { param: said.param, openaiCode: said.code };
    return status === 413 ? CommonErrors.PAYLOAD_TOO_LARGE(message) : CompletionErrors.INVALID_REQUEST(message, details);
  }
  if (status === 503 || status === 504) {
    return CompletionErrors.BACKEND_UNAVAILABLE(message, { status }).withRetryAfter(retryAfterMs(head));
  }
  return CompletionErrors.BACKEND_BAD_ANSWER(message, { status });
}

function retryAfterMs(head: BackendHead): number {
  const seconds = Number(head.headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1000 : 1000;
}

function read(body: Buffer): SaidError {
  const empty: SaidError = { message: '', param: undefined, code: undefined };
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return empty;
    throw error;
  }
  const said = (value as { error?: unknown } | null)?.error as Record<string, unknown> | string | undefined;
  if (typeof said === 'string') return { ...empty, message: said.slice(0, 1000) };
  const text = (field: unknown): string | undefined => (typeof field === 'string' ? field.slice(0, 1000) : undefined);
  return { message: text(said?.message) ?? '', param: text(said?.param), code: codeName(said?.code) };
}

function codeName(code: unknown): string | undefined {
  return typeof code === 'string' && /^[a-z][a-z0-9_]{1,63}$/.test(code) ? code : undefined;
}
