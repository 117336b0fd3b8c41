// SPDX-License-Identifier: Apache-2.0
import { type JsonSchema, schema } from '#libs/http';

const { anyObject, boolean, closedObject, entity, extended, integer, list, nullable, number, object, oneOf, optional, page } =
  schema;
const { text, time } = schema;

export const ALERT = entity(
  'Alert',
  object({
    id: text,
    monitorId: text,
    kind: text,
    severity: text,
    modelName: text,
    endpoint: text,
    state: oneOf('firing', 'resolved'),
    direction: text,
    effect: number,
    pValue: number,
    summary: text,
    details: anyObject,
    sampleInferenceIds: list(text),
    startTime: time,
    endTime: nullable(time),
    resolveReason: text,
  }),
);
export const ALERTS = page(ALERT);

const FEEDBACK_STATE = oneOf('unmatched', 'accepted', 'capped', 'rejected', 'retracted');
const VALUE = { type: ['string', 'number', 'boolean'] };
export const FEEDBACK = entity(
  'Feedback',
  object({
    id: text,
    source: text,
    sourceId: text,
    inferenceId: text,
    state: FEEDBACK_STATE,
    stateReason: text,
    metric: text,
    value: VALUE,
    good: nullable(boolean),
    correction: text,
    impossible: boolean,
    comment: text,
    raterHash: text,
    raterKind: text,
    occurredTime: time,
    receiveTime: time,
    endpoint: text,
    modelName: text,
    modelVersion: integer,
    rolloutId: text,
    arm: text,
    inputText: text,
    outputText: text,
  }),
);
export const FEEDBACKS = page(FEEDBACK);
export const FEEDBACK_BATCH = object({ items: list(FEEDBACK) });
export const FEEDBACK_SUMMARY = object({
  items: list(
    object({
      endpoint: text,
      modelName: text,
      modelVersion: integer,
      arm: text,
      rolloutId: text,
      metric: text,
      state: FEEDBACK_STATE,
      count: integer,
      good: integer,
      bad: integer,
      corrections: integer,
    }),
  ),
});

const limited = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const absentOr = (inner: JsonSchema) => optional(nullable(inner));
/** The `data` of a feedback event. */
export const FEEDBACK_BODY = entity(
  'FeedbackBody',
  closedObject({
    id: optional(limited(200)),
    target: object({ kind: oneOf('inference'), id: limited(200) }),
    metric: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' },
    value: { anyOf: [boolean, number, { type: 'string', minLength: 1, maxLength: 500 }] },
    correction: absentOr({ type: 'string', maxLength: 8000 }),
    rater: object({ id: limited(200), kind: absentOr({ type: 'string', maxLength: 50 }) }),
    comment: absentOr({ type: 'string', maxLength: 8000 }),
    occurred_at: absentOr(time),
    occurredAt: absentOr(time),
  }),
);
export const FEEDBACK_BATCH_BODY = object({ items: list(FEEDBACK_BODY) });

export const METRIC = entity(
  'Metric',
  object({ name: text, goodValues: list(VALUE), goodAtLeast: nullable(number), labels: list(text) }),
);
export const METRIC_BODY = closedObject({
  goodValues: absentOr({ ...list(VALUE), maxItems: 100 }),
  goodAtLeast: absentOr(number),
  labels: absentOr({ ...list({ type: 'string', maxLength: 500 }), maxItems: 1000 }),
});
export const KNOWN_ANSWERS_BODY = closedObject({
  items: { ...list(object({ input: limited(8000), answer: limited(8000) })), maxItems: 10_000 },
});
export const METRICS = object({ items: list(METRIC) });

export const INFERENCE = entity(
  'Inference',
  object({
    id: text,
    responseId: text,
    endpoint: text,
    modelName: text,
    modelVersion: integer,
    modelManifestDigest: text,
    rolloutId: text,
    arm: text,
    userHash: text,
    statusCode: integer,
    errorCode: text,
    latencyMs: number,
    promptTokens: integer,
    completionTokens: integer,
    inputText: text,
    outputText: text,
    inputKey: text,
    requestTime: time,
  }),
);
export const INFERENCES = page(INFERENCE);
export const ROLLUPS = object({
  items: list(
    entity('Rollup', object({ latencyMsP50: optional(number), latencyMsP95: optional(number), latencyMsP99: optional(number) })),
  ),
});

export const MONITOR = entity(
  'Monitor',
  object({
    id: text,
    name: text,
    kind: oneOf('drift', 'quality', 'no_data'),
    endpoint: text,
    modelName: text,
    metric: text,
    config: anyObject,
    state: oneOf('unknown', 'no_data', 'ok', 'alert'),
    stateReason: text,
    stateTime: time,
    baseline: anyObject,
    lastEvaluation: anyObject,
    observeFrom: time,
    evaluateTime: time,
    version: integer,
    createTime: time,
    updateTime: time,
  }),
);
export const MONITORS = page(MONITOR);

export const PROPOSAL = entity(
  'Proposal',
  object({
    id: text,
    modelName: text,
    endpoint: text,
    modelVersion: integer,
    state: oneOf('open', 'accepted', 'refused', 'expired'),
    reasons: list(text),
    corrections: integer,
    pipelineRunId: text,
    resolveReason: text,
    createTime: time,
    resolveTime: nullable(time),
  }),
);
export const PROPOSALS = page(PROPOSAL);
export const PROPOSAL_POLICY = object({ modelName: text, correctionsMin: integer, volumeMin: integer });

export const RATER = entity(
  'Rater',
  object({
    raterHash: text,
    kind: text,
    state: oneOf('trusted', 'watched', 'quarantined'),
    reason: text,
    evidence: anyObject,
    feedbackCount: integer,
    version: integer,
    stateTime: time,
    createTime: time,
  }),
);
export const RATERS = page(RATER);

const ROLLOUT = entity(
  'Rollout',
  object({
    id: text,
    endpoint: text,
    alias: text,
    modelName: text,
    controlVersion: integer,
    candidateVersion: integer,
    metric: text,
    policy: anyObject,
    state: oneOf('live', 'finished'),
    outcome: text,
    step: integer,
    looksTaken: integer,
    decided: boolean,
    verdictCount: integer,
    lastResult: anyObject,
    startTime: time,
    endTime: nullable(time),
    evaluateTime: time,
  }),
);
export const ROLLOUTS = page(ROLLOUT);
export const ROLLOUT_DETAIL = extended(ROLLOUT, {
  steps: list(object({ step: integer, candidatePercent: number, startTime: time })),
  counts: object({ quality: list(anyObject), failures: list(anyObject), assignments: list(anyObject) }),
});
export const VERDICT = entity(
  'Verdict',
  object({
    id: text,
    rolloutId: text,
    endpoint: text,
    step: integer,
    outcome: text,
    look: integer,
    reason: text,
    evidence: object({ schema: oneOf('millrace.verdict/v1'), input: anyObject, inputDigest: text, result: anyObject }),
    decideTime: time,
  }),
);
export const VERDICTS = page(VERDICT);
export const RECOMPUTATION = object({ same: boolean, result: anyObject });

export const WEBHOOK = entity('Webhook', object({ id: text, name: text, url: text, sendResolved: boolean, createTime: time }));
export const WEBHOOKS = object({ items: list(WEBHOOK) });
export const DELIVERIES = page(
  entity(
    'Delivery',
    object({
      id: text,
      webhookId: text,
      alertId: text,
      url: text,
      body: anyObject,
      state: oneOf('pending', 'delivered', 'failed'),
      attempts: integer,
      attemptTime: time,
      statusCode: integer,
      lastError: text,
      createTime: time,
    }),
  ),
);
