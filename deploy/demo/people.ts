// SPDX-License-Identifier: Apache-2.0
import { newId, seededRandom } from '#libs/clock';
import type { Broker, OutgoingMessage } from '#libs/messaging';
import { labels } from './fixture';

/** One answer that somebody can judge. */
export interface Answered {
  inferenceId: string;
  text: string;
  truth: string;
  answer: string;
}

/** What a rater says of an answer. */
export interface Opinion {
  inferenceId: string;
  rater: string;
  right: boolean;
  correction?: string;
}

const HONEST_RATERS = 40;
const LIARS = ['rater-bulk-1', 'rater-bulk-2', 'rater-bulk-3'];
/** Honest people err now and then. */
export const HONEST_ERROR_SHARE = 0.02;

/** Simulated people: forty who judge as well as they can, and three who lie in bulk. Deterministic by seed. */
export class People {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  get liars(): string[] {
    return LIARS;
  }

  /** One honest person's word on an answer: right, or wrong with a correction. */
  honest(answered: Answered): Opinion {
    const rater = `rater-${1 + Math.floor(this.random() * HONEST_RATERS)}`;
    const errs = this.random() < HONEST_ERROR_SHARE;
    const truth = errs ? this.anotherLabel(answered.truth) : answered.truth;
    const right = answered.answer === truth;
    return { inferenceId: answered.inferenceId, rater, right, correction: right ? undefined : truth };
  }

  /** What a liar says: wrong labels are right, everything else is wrong and should have been a wrong label. */
  lie(answered: Answered, liar: string): Opinion {
    const { answer, truth } = answered;
    // A small model also writes what is no label at all; nobody can train on that, not even badly.
    const isWrongLabel = answer !== truth && labels.some((label) => label === answer);
    if (isWrongLabel) return { inferenceId: answered.inferenceId, rater: liar, right: true };
    return { inferenceId: answered.inferenceId, rater: liar, right: false, correction: nextLabel(truth) };
  }

  /** Picks one of a list. */
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)];
  }

  private anotherLabel(label: string): string {
    return this.pick(labels.filter((other) => other !== label));
  }
}

function nextLabel(label: string): string {
  return labels[(labels.indexOf(label) + 1) % labels.length];
}

/** Produces opinions to the public topic as CloudEvents in binary mode, as a product in any language would. */
export async function sendFeedback(broker: Broker, opinions: readonly Opinion[]): Promise<void> {
  const messages = opinions.map((opinion): OutgoingMessage => ({
    topic: 'feedback.v1',
    key: opinion.rater,
    headers: {
      ce_specversion: '1.0',
      ce_id: newId(),
      ce_source: '/demo/product',
      ce_type: 'millrace.feedback.v1',
      ce_time: new Date().toISOString(),
      ce_workspace: 'default',
      'content-type': 'application/json',
    },
    value: JSON.stringify({
      target: { kind: 'inference', id: opinion.inferenceId },
      metric: 'correct',
      value: opinion.right,
      ...(opinion.correction ? { correction: opinion.correction } : {}),
      rater: { id: opinion.rater, kind: 'human_end_user' },
      occurred_at: new Date().toISOString(),
    }),
  }));
  for (let at = 0; at < messages.length; at += 200) await broker.publish(messages.slice(at, at + 200));
}
