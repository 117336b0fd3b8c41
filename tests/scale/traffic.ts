// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceName } from '../../deploy/local/processes';
import type { Replica } from './fleet';
import { chat } from './gateways-agree';
import { ask, upload, type ScaleContext } from './scale-context';

const PAUSE_MS = 40;

/**
 * Steady work through the public doors, one caller per kind. A caller goes to any replica that serves; when a connection breaks it
 * repeats the same request (with the same request id) at another one, as clients of a Kubernetes Service do.
 */
export class Traffic {
  /** Ids of answered completions. */
  readonly inferences: string[] = [];
  /** Ids of feedback that Kafka acknowledged; some were sent twice. */
  readonly feedback = new Set<string>();
  readonly versions = new Set<string>();
  aliasMoves = 0;
  sentTwice = 0;
  repeats = 0;
  /** Answers that no caller should see. */
  readonly failures: string[] = [];
  private readonly stopping = new AbortController();
  private callers: Promise<void>[] = [];

  constructor(private readonly context: ScaleContext) {}

  start(): void {
    this.callers = [
      this.repeat((turn) => this.infer(turn)),
      this.repeat((turn) => this.upload(turn)),
      this.repeat((turn) => this.moveAlias(turn)),
    ];
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.callers);
  }

  private async repeat(step: (turn: number) => Promise<void>): Promise<void> {
    for (let turn = 0; !this.stopping.signal.aborted; turn += 1) {
      await step(turn);
      await delay(PAUSE_MS);
    }
  }

  private async infer(turn: number): Promise<void> {
    const answer = await this.anywhere('gateway', (replica) => chat(replica, 'triage', `user-${turn % 50}`));
    const id = answer?.response.headers.get('x-millrace-inference-id');
    if (!answer?.ok || !id) {
      this.failures.push(`completion: ${answer?.status} ${answer?.text}`);
      return;
    }
    this.inferences.push(id);
    const message = feedbackMessage(id, turn);
    await this.context.view.send('feedback.v1', message);
    if (turn % 5 === 0) {
      await this.context.view.send('feedback.v1', message);
      this.sentTwice += 1;
    }
    this.feedback.add(message.headers.ce_id);
  }

  private async upload(turn: number): Promise<void> {
    const requestId = randomUUID();
    const row = { text: `row of turn ${turn}`, label: 'plant' };
    const id = await this.anywhere('ingestion', (replica) => upload(replica, `live-${turn % 3}`, [row], requestId));
    if (id !== undefined) this.versions.add(id);
  }

  private async moveAlias(turn: number): Promise<void> {
    const body = { name: 'triage', alias: 'shadow', version: String(1 + (turn % 2)) };
    await this.anywhere('registry', (replica) => ask(replica, 'POST', '/api/2.0/mlflow/registered-models/alias', body));
    this.aliasMoves += 1;
  }

  private async anywhere<T>(service: ServiceName, call: (replica: Replica) => Promise<T>): Promise<T | undefined> {
    for (let tries = 0; tries < 10; tries += 1) {
      const serving = this.context.fleet.of(service);
      const replica = serving[Math.floor(Math.random() * serving.length)];
      try {
        return await call(replica);
      } catch (error) {
        // undici: the connection broke or was refused, so whether the work was done is unknown. Anything else is an answer.
        if (!(error instanceof TypeError)) {
          this.failures.push((error as Error).message);
          return undefined;
        }
        this.repeats += 1;
      }
    }
    this.failures.push(`${service}: no replica answered in 10 tries`);
    return undefined;
  }
}

function feedbackMessage(inferenceId: string, turn: number): { key: string; value: string; headers: Record<string, string> } {
  const data = {
    target: { kind: 'inference', id: inferenceId },
    metric: 'correct',
    value: turn % 3 !== 0,
    ...(turn % 3 === 0 ? { correction: 'plant' } : {}),
    rater: { id: `rater-${turn % 20}`, kind: 'human_end_user' },
  };
  return {
    key: inferenceId,
    value: JSON.stringify(data),
    headers: {
      ce_specversion: '1.0',
      ce_id: `rating-of-${inferenceId}`,
      ce_source: '/scale',
      ce_type: 'millrace.feedback.v1',
      'content-type': 'application/json',
    },
  };
}
