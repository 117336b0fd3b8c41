// SPDX-License-Identifier: Apache-2.0
import type { ErrorFormatName } from '../error-formats';
import { anyObject, integer, type JsonSchema, list, nullable, object, optional, text } from './schema';

/** Bodies of errors, by format. */
export const ERROR_SCHEMAS: Record<string, JsonSchema> = {
  Problem: object({
    type: text,
    title: text,
    status: integer,
    code: text,
    detail: text,
    instance: text,
    requestId: text,
    errors: optional(list(object({ field: text, message: text }))),
    details: optional(anyObject),
  }),
  OpenAiError: object({ error: object({ message: text, type: text, param: nullable(text), code: nullable(text) }) }),
  MlflowError: object({ error_code: text, message: text }),
};

const SHAPES: Record<ErrorFormatName, { schema: string; contentType: string }> = {
  problem: { schema: 'Problem', contentType: 'application/problem+json' },
  openai: { schema: 'OpenAiError', contentType: 'application/json' },
  mlflow: { schema: 'MlflowError', contentType: 'application/json' },
};

const MEANINGS: Record<number, string> = {
  400: 'The request is wrong; each field that is, is named.',
  401: 'No token, or one that is wrong or has expired.',
  403: 'The caller lacks the role in this workspace.',
  404: 'No such thing in this workspace.',
  405: 'The path answers other methods; Allow names them.',
  408: 'The body came too slowly to wait for the rest of it.',
  409: 'It exists already, or was changed meanwhile.',
  412: 'It is not in a state that allows this.',
  413: 'The body is larger than this route accepts.',
  415: 'The content type is not one that this route reads.',
  429: 'A bound is reached; retry after the hint.',
  502: 'The backend behind this door answered something unusable.',
  503: 'A dependency does not answer; retry after the hint.',
  504: 'The time ran out; the outcome may be unknown.',
};

/** `problem400`, `openai429`, ...: referred to by the operations. */
export const ERROR_RESPONSES: Record<string, unknown> = Object.fromEntries(
  (Object.keys(SHAPES) as ErrorFormatName[]).flatMap((format) =>
    Object.entries(MEANINGS).map(([status, description]) => {
      const { schema, contentType } = SHAPES[format];
      const content = { [contentType]: { schema: { $ref: `#/components/schemas/${schema}` } } };
      return [`${format}${status}`, { description, content }];
    }),
  ),
);
