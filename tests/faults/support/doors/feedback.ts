// SPDX-License-Identifier: Apache-2.0
import { eventHeaders, Product } from '../product';
import { Door, type Answer, type Caller, type Request } from './door';

const RATERS = 5;

/** Feedback, in turns by HTTP and as CloudEvents on the public topic. */
export class FeedbackDoor extends Door {
  private readonly product: Product;
  private count = 0;

  constructor(
    caller: Caller,
    /** Inferences that were answered: what there is to judge. */
    private readonly inferenceIds: readonly string[],
  ) {
    super(caller);
    this.product = new Product(() => caller.lab.kafka.brokers);
  }

  next(requestId: string): Request {
    this.count += 1;
    const known = this.inferenceIds.slice(-50);
    const inferenceId = known[Math.floor(this.caller.random() * known.length)] ?? `unheard-of-${requestId}`;
    const body = {
      target: { kind: 'inference', id: inferenceId },
      metric: 'correct',
      value: true,
      rater: { id: `rater-${this.count % RATERS}`, kind: 'human_end_user' },
    };
    return { requestId, body, door: this.count % 2 === 0 ? 'topic' : 'http' };
  }

  async send({ requestId, body, door }: Request): Promise<Answer> {
    if (door === 'http') {
      const { answer } = await this.call('monitoring', 'POST', '/api/v1/feedback', { id: requestId, ...(body as object) });
      return { ...answer, ids: { door } };
    }
    const type = 'millrace.feedback.v1';
    const headers = eventHeaders({ id: requestId, source: '/faults/product', type, workspace: this.caller.workspace });
    await this.product.send('feedback.v1', [{ key: requestId, headers, value: JSON.stringify(body) }]);
    return { outcome: 'acknowledged', ids: { door: 'topic' } };
  }

  override close(): Promise<void> {
    return this.product.close();
  }
}
