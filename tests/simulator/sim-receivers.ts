// SPDX-License-Identifier: Apache-2.0
import type { AlertmanagerBody } from '../../services/monitoring/src/alerts/alertmanager-body';
import { WebhookSender, type SendResult } from '../../services/monitoring/src/webhooks/webhook-sender';
import type { Kernel, SimProcess } from './kernel';

export const TIMEOUT_SECONDS = 5;
const NO_ANSWER = { delivered: false, permanent: false, cancelled: false, statusCode: 0 };

/** What a receiver does with a call: its status, and after how long; without a status it never answers. */
interface Mood {
  status?: number;
  afterMs: number;
}

/** Which notification of which alert a body is. */
export const bodyKey = (body: AlertmanagerBody): string => `${body.receiver} ${body.alerts[0].generatorURL}`;

/** The receivers of tenants: most answer soon, some refuse, some are slow beyond the time-out, some hang. */
export class SimReceivers {
  /** When each notification was taken, by what it is about. */
  readonly takenAtMs = new Map<string, number[]>();
  awayUntilMs = 0;
  hangUntilMs = 0;

  constructor(private readonly kernel: Kernel) {}

  take(body: AlertmanagerBody): Mood {
    const { kernel } = this;
    const mood = this.mood();
    if (mood.status === 200) {
      const key = bodyKey(body);
      this.takenAtMs.set(key, [...(this.takenAtMs.get(key) ?? []), kernel.nowMs]);
    }
    return mood;
  }

  private mood(): Mood {
    const { kernel } = this;
    if (kernel.nowMs < this.hangUntilMs) return { afterMs: 0 };
    if (kernel.nowMs < this.awayUntilMs) return { status: 503, afterMs: 1 };
    const draw = kernel.random();
    if (draw < 0.05) return { afterMs: 0 };
    if (draw < 0.1) return { status: 200, afterMs: kernel.between(3_000, 9_000) };
    if (draw < 0.25) return { status: 500, afterMs: 5 };
    return { status: draw < 0.28 ? 410 : 200, afterMs: kernel.between(1, 1_000) };
  }
}

/** One replica's calls to them. */
export class SimWebhookSender extends WebhookSender {
  constructor(
    private readonly process: SimProcess,
    private readonly receivers: SimReceivers,
  ) {
    super();
  }

  async check(): Promise<void> {}

  send(_url: string, body: unknown, signal: AbortSignal): Promise<SendResult> {
    const { process, receivers } = this;
    return new Promise((resolve) => {
      const late = process.clock.timer(TIMEOUT_SECONDS * 1_000, () => end({ ...NO_ANSWER, error: 'no answer in time' }));
      const breakOff = (): void => end({ ...NO_ANSWER, cancelled: true, error: 'broken off' });
      const end = (result: SendResult): void => {
        late();
        signal.removeEventListener('abort', breakOff);
        resolve(result);
      };
      signal.addEventListener('abort', breakOff, { once: true });
      const loses = process.loseAnswers.has(process.calls + 1);
      process.request('receiver', (answer) => {
        const { status, afterMs } = receivers.take(body as AlertmanagerBody);
        if (status === undefined || loses) return;
        process.kernel.after(afterMs, () => answer(() => end(resultOf(status))));
      });
    });
  }
}

function resultOf(statusCode: number): SendResult {
  const delivered = statusCode === 200;
  const error = delivered ? '' : `the receiver answered ${statusCode}`;
  return { delivered, permanent: statusCode === 410, cancelled: false, statusCode, error };
}
