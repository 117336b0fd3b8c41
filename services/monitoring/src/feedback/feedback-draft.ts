// SPDX-License-Identifier: Apache-2.0
import { invalidFields, type FieldViolation } from '#libs/errors';

export type FeedbackValue = boolean | number | string;

/** Feedback as somebody gave it, checked, before it is attributed. */
export interface FeedbackDraft {
  workspace: string;
  /** Who says it happened and under which id: together they deduplicate (CloudEvents source and id). */
  source: string;
  sourceId: string;
  inferenceId: string;
  metric: string;
  value: FeedbackValue;
  /** What the answer should have been; empty = not said. */
  correction: string;
  comment: string;
  raterId: string;
  raterKind: string;
  occurredTime: Date;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const FIELDS = new Set(['target', 'metric', 'value', 'correction', 'rater', 'comment', 'occurred_at', 'occurredAt', 'id']);
/** A product's clock may be ahead by this much. */
const FUTURE_MS_MAX = 24 * 3600 * 1000;

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Collects every fault, so that a producer sees all of them at once.
class Reader {
  readonly faults: FieldViolation[] = [];

  fault(field: string, message: string): void {
    this.faults.push({ field, message });
  }

  text(value: unknown, field: string, bounds: { max: number; required?: boolean }): string {
    if (value === undefined || value === null) {
      if (bounds.required) this.fault(field, 'is missing');
      return '';
    }
    if (typeof value !== 'string') return this.refuse(field, 'must be text');
    if (value.length > bounds.max) return this.refuse(field, `has more than ${bounds.max} characters`);
    if (value.includes('\0')) return this.refuse(field, 'contains a NUL character');
    if (bounds.required && value.trim() === '') return this.refuse(field, 'is empty');
    return value;
  }

  private refuse(field: string, message: string): string {
    this.fault(field, message);
    return '';
  }
}

function readValue(value: unknown, reader: Reader): FeedbackValue {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string') return reader.text(value, 'value', { max: 500, required: true });
  reader.fault('value', value === undefined ? 'is missing' : 'must be true, false, a number or text');
  return false;
}

// Both names are looked at, also where one of them is enough: what is wrong is refused wherever it stands.
function readOccurred(data: Record<string, unknown>, fallback: Date, reader: Reader): Date {
  const camel = readTime(data, 'occurredAt', fallback, reader);
  const snake = readTime(data, 'occurred_at', fallback, reader);
  return (data['occurred_at'] ?? undefined) === undefined ? camel : snake;
}

function readTime(data: Record<string, unknown>, field: string, fallback: Date, reader: Reader): Date {
  const value = data[field];
  if (value === undefined || value === null) return fallback;
  const time = typeof value === 'string' ? new Date(value) : new Date(Number.NaN);
  if (Number.isNaN(time.getTime())) reader.fault(field, 'must be an RFC 3339 time');
  else if (time.getTime() < 0) reader.fault(field, 'lies before 1970');
  else if (time.getTime() > fallback.getTime() + FUTURE_MS_MAX) reader.fault(field, 'lies more than a day in the future');
  else return time;
  return fallback;
}

/** Checks one piece of feedback (the `data` of a `millrace.feedback.v1` event). Throws INVALID_ARGUMENT naming each field. */
export function parseFeedback(
  data: unknown,
  envelope: { workspace: string; source: string; id: string; time: Date },
): FeedbackDraft {
  if (!isObject(data)) throw invalidFields({ field: 'data', message: 'must be a JSON object' });
  const reader = new Reader();
  for (const field of Object.keys(data)) if (!FIELDS.has(field)) reader.fault(field.slice(0, 100), 'unknown field');
  const target = isObject(data['target']) ? data['target'] : {};
  if (!isObject(data['target'])) reader.fault('target', 'must be an object with kind and id');
  else if (target['kind'] !== 'inference') reader.fault('target.kind', 'must be "inference"');
  const rater = isObject(data['rater']) ? data['rater'] : {};
  if (!isObject(data['rater'])) reader.fault('rater', 'must be an object with id and kind');
  const metric = reader.text(data['metric'], 'metric', { max: 100, required: true });
  if (metric !== '' && !NAME.test(metric)) reader.fault('metric', 'must be letters, digits, ".", "_" or "-"');
  const draft: FeedbackDraft = {
    workspace: envelope.workspace,
    source: envelope.source,
    sourceId: envelope.id,
    inferenceId: isObject(data['target']) ? reader.text(target['id'], 'target.id', { max: 200, required: true }) : '',
    metric,
    value: readValue(data['value'], reader),
    correction: reader.text(data['correction'], 'correction', { max: 8000 }).trim(),
    comment: reader.text(data['comment'], 'comment', { max: 8000 }),
    raterId: isObject(data['rater']) ? reader.text(rater['id'], 'rater.id', { max: 200, required: true }) : '',
    raterKind: reader.text(rater['kind'], 'rater.kind', { max: 50 }) || 'human_end_user',
    occurredTime: readOccurred(data, envelope.time, reader),
  };
  if (reader.faults.length > 0) throw invalidFields(...reader.faults);
  return draft;
}
