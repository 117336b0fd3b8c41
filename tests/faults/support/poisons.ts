// SPDX-License-Identifier: Apache-2.0
import type { IHeaders, Message } from 'kafkajs';
import { gateway } from '#libs/contracts';
import { eventHeaders } from './product';

export const PUBLIC_TOPIC = 'feedback.v1';
export const INTERNAL_TOPIC = 'gateway.inference.v1';
export const BIG_BYTES = 10 * 1024 * 1024;
/** As libs/messaging says: what throws gets three tries, what hangs two, everything else is put aside at once. */
const TRIES = { bug: 3, hang: 2 };

export interface Poison {
  what: string;
  topic: string;
  message: Message;
  /** How the dead letter names the event: its own id, where one could be read. */
  eventId: string;
  /** What the dead letter must say. */
  code: string;
  attempts: number;
  /** Its handler never returns. */
  hangs?: boolean;
}

/** A good event that either topic's consumer stores under its id. */
export function goodEvent(topic: string, id: string, workspace: string): Pick<Message, 'value' | 'headers'> {
  if (topic === PUBLIC_TOPIC) return { value: JSON.stringify(feedbackOn(id)), headers: headersOf(topic, id, workspace) };
  const data = gateway.InferenceCompleted.fromPartial({ inferenceId: id, endpoint: 'beside-poison', statusCode: 200 });
  return { value: JSON.stringify(gateway.InferenceCompleted.toJSON(data)), headers: headersOf(topic, id, workspace) };
}

export function headersOf(topic: string, id: string, workspace: string, type?: string): IHeaders {
  const own = topic === PUBLIC_TOPIC ? 'millrace.feedback.v1' : 'millrace.gateway.inference-completed.v1';
  return eventHeaders({ id, source: '/faults/poison', type: type ?? own, workspace });
}

export function poisons(workspace: string, round: number): Poison[] {
  const json = JSON.stringify(feedbackOn('x'));
  const unknownTarget = JSON.stringify({ ...feedbackOn('x'), target: { kind: 'oracle', id: 'x' } });
  const make =
    (topic: string) =>
    (what: string, code: string, value: Message['value'], rest: Partial<Poison> = {}): Poison => {
      const eventId = `${workspace}-${what}-${round}`;
      const message = { key: `poisoned-${what}-${round}`, value, headers: headersOf(topic, eventId, workspace) };
      return { what, topic, code, attempts: 1, eventId, message, ...rest };
    };
  const feedback = make(PUBLIC_TOPIC);
  const inference = make(INTERNAL_TOPIC);
  const unnamed: Partial<Poison> = { message: { key: `poisoned-no-headers-${round}`, value: json, headers: {} }, eventId: '' };
  const unreadable = 'MESSAGING.UNREADABLE_DATA';
  const invalid = 'COMMON.INVALID_ARGUMENT';
  return [
    feedback('unparseable', unreadable, '{"target": {"kind": '),
    feedback('no-fields', invalid, '{}'),
    feedback('unknown-enum', invalid, unknownTarget),
    feedback('null-value', invalid, null),
    feedback('no-headers', 'MESSAGING.NOT_AN_EVENT', json, unnamed),
    feedback('huge', unreadable, Buffer.alloc(BIG_BYTES, 'x')),
    feedback('near-limit', unreadable, Buffer.alloc(1_000_000, 'x')),
    feedback('handler-bug', 'COMMON.INTERNAL', json, { attempts: TRIES.bug }),
    feedback('handler-hangs', 'MESSAGING.HANDLER_TIMEOUT', json, { attempts: TRIES.hang, hangs: true }),
    inference('internal-unparseable', unreadable, 'no json at all'),
    inference('internal-no-object', unreadable, '[1, 2, 3]'),
    inference('internal-no-fields', unreadable, '{}'),
    inference('internal-handler-bug', 'COMMON.INTERNAL', goodEvent(INTERNAL_TOPIC, 'never-stored', workspace).value, {
      attempts: TRIES.bug,
    }),
  ];
}

function feedbackOn(inferenceId: string): object {
  return {
    target: { kind: 'inference', id: inferenceId },
    metric: 'correct',
    value: true,
    rater: { id: 'follower', kind: 'human_end_user' },
  };
}
