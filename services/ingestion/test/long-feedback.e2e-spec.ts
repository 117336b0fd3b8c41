// SPDX-License-Identifier: Apache-2.0
import { Database } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { FeedbackRepository } from '../src/feedback-datasets/feedback.repository';
import { startIngestion, type IngestionUnderTest, type Json } from './support';

const MIB = 1024 * 1024;
const PIECES = 100;
/** As much as an endpoint may capture of each text. */
const TEXT_BYTES = 65_536;

// Feedback carries the texts of its inference: all of it together would be gigabytes.
describe('a dataset of feedback with long texts', () => {
  let ingest: IngestionUnderTest;
  beforeAll(async () => {
    ingest = await startIngestion();
  }, 60_000);
  afterAll(() => ingest.close());

  it('is built with a few megabytes of them in memory', async () => {
    const db = ingest.service.get(Database);
    await db.query(
      `insert into feedback (workspace, id, inference_id, model_name, model_version, metric, value, correction, input_text, output_text,
         rater_hash, occurred_time)
       select 'default', 'f' || n, 'i' || n, 'm', 1, 'correct', 'true', '', repeat('é', $2 / 2 - 3) || lpad(n::text, 6, '0'), repeat('o', $2), 'r' || n, now()
       from generate_series(1, $1::int) n`,
      [PIECES, TEXT_BYTES],
    );
    const query = jest.spyOn(db, 'query');
    const built = await ingest.http('POST', '/feedback-datasets', { body: { dataset: 'long', modelName: 'm' } });
    expect(built).toMatchObject({ status: 201, body: { version: { rowsKept: String(PIECES) }, leftOut: {} } });
    const answers = await Promise.all(query.mock.results.map(({ value }) => value as Promise<unknown>));
    query.mockRestore();
    expect(Math.max(...answers.map((answer) => Buffer.byteLength(JSON.stringify(answer ?? null))))).toBeLessThan(2.5 * MIB);
    const { text } = await ingest.http('GET', `/dataset-versions/${built.body.version.id}/export`);
    const rows = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    expect(rows.map((row) => row.text.slice(-6) as string).sort()).toEqual(
      Array.from({ length: PIECES }, (_, n) => String(n + 1).padStart(6, '0')),
    );
    expect(rows.every((row) => row.label === 'o'.repeat(TEXT_BYTES) && row.votes === 1)).toBe(true);
  });

  it('is refused while two are built', async () => {
    const feedback = ingest.service.get(FeedbackRepository);
    let goOn = (): void => undefined;
    const list = jest.spyOn(feedback, 'list').mockReturnValue(new Promise((resolve) => (goOn = () => resolve([]))));
    const build = () => ingest.http('POST', '/feedback-datasets', { body: { dataset: 'busy', modelName: 'nobody' } });
    const held = [build(), build()];
    await eventually(() => expect(list).toHaveBeenCalledTimes(2));
    expect(await build()).toMatchObject({ status: 429, body: { code: 'COMMON.RESOURCE_EXHAUSTED' } });
    goOn();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([412, 412]);
    list.mockRestore();
    expect((await build()).status).toBe(412);
  });
});
