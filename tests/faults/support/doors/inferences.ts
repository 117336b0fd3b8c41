// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { Events } from '#libs/contracts';
import { eventHeaders, Product } from '../product';
import { waitFor } from '../wait';
import { Door, type Answer, type Caller, type Request } from './door';

const NAME = 'served';

/** Chat completions on an endpoint that serves a pinned version through the fake backend. */
export class InferencesDoor extends Door {
  /** A repetition is another request with another inference id; each answered one must be heard of once. */
  override readonly repeats = false;

  constructor(
    caller: Caller,
    /** Where the ids of answered requests go, for feedback. */
    private readonly sent: string[],
  ) {
    super(caller);
  }

  override async prepare(): Promise<void> {
    await this.announceModel();
    await waitFor('the model to be registered', async () => {
      const { answer } = await this.call('registry', 'GET', `/api/2.0/mlflow/model-versions/get?name=${NAME}&version=1`);
      return answer.outcome === 'acknowledged';
    });
    const requestId = `${this.caller.workspace}-endpoint`;
    await this.insist('gateway', '/api/v1/endpoints', { name: NAME, modelUri: `models:/${NAME}/1`, requestId });
    await waitFor('the endpoint to serve', async () => {
      const { json } = await this.call('gateway', 'GET', `/api/v1/endpoints/${NAME}`);
      if (json.state === 'serving') return true;
      throw new Error(JSON.stringify(json));
    });
  }

  next(requestId: string): Request {
    return { requestId };
  }

  async send({ requestId }: Request): Promise<Answer> {
    const { answer, headers } = await this.call('gateway', 'POST', '/v1/chat/completions', {
      model: NAME,
      messages: [{ role: 'user', content: `what is ${requestId}?` }],
      user: `user-${requestId.length}`,
    });
    const inferenceId = headers.get('x-millrace-inference-id') ?? '';
    if (answer.outcome === 'acknowledged') this.sent.push(inferenceId);
    return { ...answer, ids: { inferenceId } };
  }

  /** Only what a training made can be served: another training system says that it made one. */
  private async announceModel(): Promise<void> {
    const { lab, workspace } = this.caller;
    const jobId = randomUUID();
    const data = Events.JobSucceeded.fromJSON({
      jobId,
      displayName: 'a model to serve',
      attempts: 1,
      registeredModelName: NAME,
      experimentName: NAME,
      modelManifestDigest: 'a'.repeat(64),
      inputs: [{ datasetVersionId: 'elsewhere', contentDigest: 'b'.repeat(64), role: 'train', weight: 1 }],
      baseModelName: 'tiny-base',
      baseModelDigest: 'c'.repeat(64),
      seed: '1',
      trainer: 'elsewhere',
      steps: '1',
      tokens: '1',
      startTime: new Date(),
      endTime: new Date(),
    });
    const { type, topic } = Events.JobSucceeded;
    const headers = eventHeaders({ id: jobId, source: '/faults/training', type, workspace });
    const product = new Product(() => lab.kafka.brokers);
    try {
      await product.send(topic, [{ key: jobId, headers, value: JSON.stringify(Events.JobSucceeded.toJSON(data)) }]);
    } finally {
      await product.close();
    }
  }
}
