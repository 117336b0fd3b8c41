// SPDX-License-Identifier: Apache-2.0
import { Door, textOf, type Answer, type Request } from './door';

const DATASETS = 4;
const ROWS = 3;

/** Small uploads into a few datasets, so that versions of one dataset follow each other. */
export class UploadsDoor extends Door {
  private count = 0;

  next(requestId: string): Request {
    this.count += 1;
    return { requestId, dataset: `dataset-${this.count % DATASETS}` };
  }

  async send({ requestId, dataset }: Request): Promise<Answer> {
    const rows = Array.from(
      { length: ROWS },
      (_, index) => `${JSON.stringify({ text: `${requestId} row ${index}`, label: 'plant' })}\n`,
    );
    const path = `/api/v1/datasets/${String(dataset)}/versions?format=jsonl&requestId=${requestId}&producedBy=${requestId}`;
    const { answer, json } = await this.call('ingestion', 'POST', path, rows.join(''));
    return { ...answer, ids: { versionId: textOf(json.id) } };
  }
}
