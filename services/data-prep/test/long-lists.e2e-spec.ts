// SPDX-License-Identifier: Apache-2.0
import { ServiceUnderTest, type Json } from './service-under-test';

const MIB = 1024 * 1024;
const ROWS = 60;
/** As long as a recipe may be. */
const RECIPE_CHARACTERS = 65_536;

describe('a list of data-prep whose rows are large', () => {
  const under = new ServiceUnderTest();
  beforeAll(async () => {
    await under.start();
    const values = [ROWS, 'é'.repeat(RECIPE_CHARACTERS)];
    await under.database.query(
      `insert into recipes select 'default', 'r' || n, 1, $2, '', 'eve', now() from generate_series(1, $1::int) n`,
      values,
    );
    await under.database.query(
      `insert into recipe_runs (workspace, id, recipe_name, recipe_digest, recipe_text, input_version_id, output_dataset, tags, state,
         created_by, create_time, update_time)
       select 'default', gen_random_uuid(), '', '', $2, '', '', '{}', 'cancelled', 'eve', now(), now() from generate_series(1, $1::int) n`,
      values,
    );
  }, 60_000);
  afterAll(() => under.stop());

  it.each(['recipes', 'recipe-runs'])('is read in pages that fit into a message: %s', async (list) => {
    const query = jest.spyOn(under.database, 'query');
    const seen = new Set<string>();
    for (let token = '', first = true; first || token !== ''; first = false) {
      const page = await under.ask('GET', `/api/v1/${list}?pageSize=1000&pageToken=${encodeURIComponent(token)}`);
      expect(page.status).toBe(200);
      expect(Buffer.byteLength(JSON.stringify(page.body))).toBeLessThan(2.5 * MIB);
      for (const item of page.body.items as Json[]) seen.add((item.id ?? item.name) as string);
      token = page.body.nextPageToken as string;
    }
    expect(seen.size).toBe(ROWS);
    const answers = await Promise.all(query.mock.results.map(({ value }) => value as Promise<unknown>));
    query.mockRestore();
    expect(Math.max(...answers.map((answer) => Buffer.byteLength(JSON.stringify(answer ?? null))))).toBeLessThan(2.5 * MIB);
  });
});
