// SPDX-License-Identifier: Apache-2.0
import { toAppError } from '#libs/errors';
import { renderError } from '#libs/http';

/** An answer in the one error shape that OpenAI clients read. */
export interface OpenAiErrorAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** OpenAI error code, such as model_not_found. */
  code: string;
}

/** Any error as an OpenAI answer. Its headers tell the SDK whether to try again, so that retries do not multiply. */
export function toOpenAiAnswer(thrown: unknown, request = { path: '', requestId: '' }): OpenAiErrorAnswer {
  const error = toAppError(thrown);
  const rendered = renderError(error, 'openai', request);
  const status = error.code === 'GATEWAY.BACKEND_BAD_ANSWER' ? 502 : rendered.status;
  const { code } = (rendered.body as { error: { code: string } }).error;
  return { status, headers: rendered.headers, body: JSON.stringify(rendered.body), code };
}

/** The same as an event of a stream that has begun. */
export function toErrorEvent(thrown: unknown): { event: string; code: string; status: number } {
  const answer = toOpenAiAnswer(thrown);
  return { event: `data: ${answer.body}\n\n`, code: answer.code, status: answer.status };
}
