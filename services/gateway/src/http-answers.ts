// SPDX-License-Identifier: Apache-2.0
import { type JsonSchema, type PlainRoute, schema } from '#libs/http';

const { anyObject, boolean, entity, integer, list, nullable, number, object, oneOf, optional, page, text, time } = schema;

const API_KEY_FIELDS = { id: text, name: text, prefix: text, createdBy: text, createTime: time, revokeTime: nullable(time) };
export const API_KEY = entity('ApiKey', object(API_KEY_FIELDS));
/** The secret is in the answer to its creation and nowhere else. */
export const NEW_API_KEY = entity('NewApiKey', object({ ...API_KEY_FIELDS, secret: text }));
export const API_KEYS = page(API_KEY);

export const DEPLOYMENTS = page(
  entity(
    'Deployment',
    object({
      id: text,
      backendUrl: text,
      modelName: text,
      version: integer,
      modelManifestDigest: text,
      state: text,
      attempts: integer,
      problem: text,
      createTime: time,
      updateTime: time,
    }),
  ),
);

const SERVED = entity('ServedVersion', object({ modelName: text, version: integer, modelManifestDigest: text }));

export const ENDPOINT = entity(
  'Endpoint',
  object({
    name: text,
    modelUri: text,
    backendUrl: text,
    captureBytesMax: integer,
    rolloutPolicy: object({ steps: list(number) }),
    timeoutSeconds: integer,
    state: text,
    serving: nullable(SERVED),
    pending: nullable(SERVED),
    rolloutId: text,
    problem: text,
    etag: text,
    createTime: time,
    updateTime: time,
  }),
);
export const ENDPOINTS = page(ENDPOINT);

export const ROLLOUT = entity(
  'Rollout',
  object({
    id: text,
    endpoint: text,
    alias: text,
    state: oneOf('running', 'promoted', 'rolled-back', 'superseded'),
    control: SERVED,
    candidate: SERVED,
    steps: list(number),
    step: integer,
    candidatePercent: number,
    policy: anyObject,
    verdictId: text,
    actor: text,
    reason: text,
    startTime: time,
    endTime: nullable(time),
  }),
);
export const ROLLOUTS = page(ROLLOUT);

export const DROPPED = object({
  queued: integer,
  droppedTotal: integer,
  items: list(object({ inferenceId: text, endpoint: text, reason: text, requestTime: time })),
  nextPageToken: text,
});

const MODEL = entity('Model', object({ id: text, object: oneOf('model'), created: integer, owned_by: text }));
const MESSAGE = {
  type: 'object',
  required: ['role'],
  properties: { role: text, content: { anyOf: [text, list(anyObject), { type: 'null' }] } },
} as const;
const given = (inner: JsonSchema): JsonSchema => optional(nullable(inner));
const COMMON = {
  model: { type: 'string', minLength: 1 },
  stream: given(boolean),
  user: given(text),
  temperature: given({ type: 'number', minimum: 0, maximum: 2 }),
  top_p: given({ type: 'number', minimum: 0, maximum: 1 }),
  max_tokens: given({ type: 'integer', minimum: 0 }),
  seed: given(number),
  stop: given({ anyOf: [text, list(text)] }),
};
const CHAT = object({ ...COMMON, messages: { type: 'array', minItems: 1, items: MESSAGE } });
const COMPLETION = object({ ...COMMON, prompt: { anyOf: [text, { type: 'array', minItems: 1, items: text }] } });

const openAi = { tag: 'openai', errorFormat: 'openai' } as const;
// What a backend answers passes through as it is: its bodies are the backend's.
const fromBackend = {
  answer: anyObject,
  alsoAnswers: {
    502: { description: 'The backend answered something unusable, or does not answer.' },
    422: { description: 'The backend refuses the request.' },
  },
};

/** The OpenAI routes: Fastify's own, beside Nest's. */
export const OPENAI_ROUTES: readonly PlainRoute[] = [
  {
    ...openAi,
    ...fromBackend,
    method: 'post',
    address: '/v1/chat/completions',
    operationId: 'openai_chat',
    summary: 'Answer a chat; server-sent events with stream: true',
    body: CHAT,
  },
  {
    ...openAi,
    ...fromBackend,
    method: 'post',
    address: '/v1/completions',
    operationId: 'openai_completion',
    summary: 'Continue a prompt; server-sent events with stream: true',
    body: COMPLETION,
  },
  {
    ...openAi,
    method: 'get',
    address: '/v1/models',
    operationId: 'openai_models',
    summary: 'Endpoints that serve, as models',
    answer: object({ object: oneOf('list'), data: list(MODEL) }),
  },
  {
    ...openAi,
    method: 'get',
    address: '/v1/models/{id}',
    fastifyPath: '/v1/models/*',
    operationId: 'openai_model',
    summary: 'One endpoint as a model',
    answer: MODEL,
  },
];
