// SPDX-License-Identifier: Apache-2.0
import { Database } from '#libs/persistence';
import { TrainingFixture } from './training-fixture';

const MIB = 1024 * 1024;
const ROWS = 60;
/** Of what a caller may give: ten thousand labels, or a hundred inputs with templates of their own. */
const SPEC_BYTES = 100_000;

describe('a list of training whose rows are large', () => {
  const training = new TrainingFixture();
  beforeAll(async () => {
    await training.start();
    const db = training.service.get(Database);
    const values = [training.workspace, ROWS, JSON.stringify({ labels: ['x'.repeat(SPEC_BYTES)], hyperparameters: {} })];
    await db.query(
      `insert into jobs (workspace, id, kind, state, spec, inputs, model_digest, submitted_by)
       select $1, 'j' || n, 'fine-tune', 'cancelled', $3::jsonb, '[]', '', 'eve' from generate_series(1, $2::int) n`,
      values,
    );
    await db.query(
      `insert into pipelines (workspace, id, name, registered_model_name, spec)
       select $1, 'p' || n, 'p' || n, '', $3::jsonb from generate_series(1, $2::int) n`,
      values,
    );
    await db.query(
      `insert into pipeline_runs (workspace, id, pipeline_id, pipeline_name, registered_model_name, alias, state, spec, overrides,
         started_by, end_time)
       select $1, 'r' || n, 'p' || n, 'p' || n, '', '', 'cancelled', $3::jsonb, '{}', 'eve', now() from generate_series(1, $2::int) n`,
      values,
    );
  }, 60_000);
  afterAll(() => training.stop());

  it.each(['jobs', 'pipelines', 'pipeline-runs'])('is read in pages that fit into a message: %s', async (list) => {
    const seen = new Set<string>();
    for (let token = '', first = true; first || token !== ''; first = false) {
      const page = await training.call('GET', `/${list}?pageSize=1000&pageToken=${encodeURIComponent(token)}`);
      expect(page).toMatchObject({ status: 200 });
      expect(Buffer.byteLength(JSON.stringify(page.body))).toBeLessThan(2.5 * MIB);
      for (const { id } of page.body.items as { id: string }[]) seen.add(id);
      token = page.body.nextPageToken as string;
    }
    expect(seen.size).toBe(ROWS);
  });
});
