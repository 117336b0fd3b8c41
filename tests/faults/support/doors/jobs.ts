// SPDX-License-Identifier: Apache-2.0
import { Door, textOf, type Answer, type Request } from './door';

/** Tiny fine-tune jobs over one small version. */
export class JobsDoor extends Door {
  override readonly waitingMax = 2;
  private versionId = '';

  override async prepare(): Promise<void> {
    const rows = Array.from({ length: 12 }, (_, index) => ({
      text: `a herb with ${index} flowers`,
      label: index % 2 ? 'plant' : 'animal',
    }));
    const body = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    const version = await this.insist('ingestion', '/api/v1/datasets/job-rows/versions?format=jsonl', body);
    this.versionId = String(version.id);
  }

  next(requestId: string): Request {
    return { requestId };
  }

  async send({ requestId }: Request): Promise<Answer> {
    const { answer, json } = await this.call('training', 'POST', '/api/v1/jobs', {
      displayName: requestId,
      registeredModelName: 'trained',
      baseModel: 'tiny-base',
      inputs: [{ datasetVersion: this.versionId }],
      promptTemplate: '{text}\nDomain:',
      answerTemplate: ' {label}',
      hyperparameters: { steps: 2, batchSize: 2, checkpointSteps: 1 },
      requestId,
    });
    return { ...answer, ids: { jobId: textOf(json.id) } };
  }
}
