// SPDX-License-Identifier: Apache-2.0
import { schema } from '#libs/http';

const { anyObject, boolean, entity, integer, list, nullable, number, object, oneOf, optional, page, text, time } = schema;

export const MODEL = entity(
  'LoadedModel',
  object({ id: text, manifestDigest: text, aliases: list(text), createTime: time, isResident: boolean }),
);
export const MODELS = page(MODEL);
export const OPENAI_MODEL = entity('Model', object({ id: text, object: oneOf('model'), created: integer, owned_by: text }));
export const OPENAI_MODELS = object({ object: oneOf('list'), data: list(OPENAI_MODEL) });

const USAGE = object({ prompt_tokens: integer, completion_tokens: integer, total_tokens: integer });
const answer = (name: string) =>
  entity(name, object({ id: text, object: text, created: integer, model: text, choices: list(anyObject), usage: USAGE }));
export const COMPLETION = answer('Completion');
export const CHAT = answer('ChatCompletion');

const COMMON = {
  model: { type: 'string', minLength: 1 },
  stream: optional(nullable(boolean)),
  temperature: optional(nullable({ ...number, minimum: 0, maximum: 2 })),
  top_p: optional(nullable({ ...number, minimum: 0, maximum: 1 })),
  max_tokens: optional(nullable({ ...integer, minimum: 1, maximum: 1_000_000 })),
  seed: optional(nullable(integer)),
};
const MESSAGE = object({ role: oneOf('system', 'developer', 'user', 'assistant'), content: text });
export const COMPLETION_BODY = object({ ...COMMON, prompt: { type: 'string', minLength: 1 } });
export const CHAT_BODY = object({ ...COMMON, messages: { ...list(MESSAGE), minItems: 1 } });
