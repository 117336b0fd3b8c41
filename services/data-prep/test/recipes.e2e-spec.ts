// SPDX-License-Identifier: Apache-2.0
import { eventually } from '#libs/testing';
import { RECIPE, ROWS, ServiceUnderTest, type Json } from './service-under-test';

describe('recipes', () => {
  const under = new ServiceUnderTest();
  beforeAll(() => under.start(), 60_000);
  afterAll(() => under.stop());

  it('keeps versions of a recipe and refuses a wrong one with path and line', async () => {
    expect((await under.ask('POST', '/api/v1/recipes', { name: 'glossary', text: RECIPE, requestId: 'one' })).body).toMatchObject(
      {
        version: 1,
      },
    );
    expect((await under.ask('POST', '/api/v1/recipes', { name: 'glossary', text: RECIPE, requestId: 'one' })).body).toMatchObject(
      {
        version: 1,
      },
    );
    expect((await under.ask('POST', '/api/v1/recipes', { name: 'glossary', text: `${RECIPE}# second\n` })).body).toMatchObject({
      version: 2,
    });
    expect((await under.ask('GET', '/api/v1/recipes/glossary?version=1')).body.text).toBe(RECIPE);
    expect((await under.ask('GET', '/api/v1/recipes')).body.items).toMatchObject([{ name: 'glossary', version: 2 }]);
    const wrong = await under.ask('POST', '/api/v1/recipes', { name: 'x', text: 'steps:\n- near_dedup: { treshold: 0.8 }\n' });
    expect(wrong.status).toBe(400);
    expect(wrong.body.code).toBe('DATA_PREP.RECIPE_INVALID');
    expect(wrong.text).toContain('steps[0].near_dedup.treshold: unknown field; did you mean threshold?');
  });

  it('previews what each step would drop and writes nothing', async () => {
    const version = under.ingestion.add('previewed', ROWS);
    const uploads = under.ingestion.uploads.length;
    const { status, body } = await under.ask('POST', '/api/v1/recipe-previews', {
      recipeText: RECIPE,
      inputVersion: version.id,
      rowsMax: 150,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ rowsRead: 150, partial: true, warnings: [] });
    expect(body.steps[3].curve.length).toBeGreaterThan(5);
    const near = body.samples.find((sample: Json) => sample.entry.step === 'near_dedup');
    expect(near).toMatchObject({
      entry: { keptRowId: expect.stringMatching(/^r\d+$/) },
      row: expect.stringContaining('"text":'),
    });
    expect(under.ingestion.uploads.length).toBe(uploads);
    expect(
      (await under.ask('POST', '/api/v1/recipe-previews', { recipeText: RECIPE, inputVersion: version.id, rowsMax: 500 })).status,
    ).toBe(400);
  });

  it('runs a recipe: one version per output, a ledger that answers for a row, one event', async () => {
    const version = under.ingestion.add('raw', ROWS);
    const before = under.ingestion.uploads.length;
    const started = await under.ask('POST', '/api/v1/recipe-runs', {
      recipeText: RECIPE,
      inputVersion: version.id,
      outputDataset: 'prepared',
      tags: { purpose: 'spec' },
      requestId: 'run-1',
    });
    expect(started.status).toBe(202);
    expect(started.body).toMatchObject({ state: 'queued', rowsTotal: 303 });
    expect(
      (
        await under.ask('POST', '/api/v1/recipe-runs', {
          recipeText: RECIPE,
          inputVersion: version.id,
          outputDataset: 'prepared',
          tags: { purpose: 'spec' },
          requestId: 'run-1',
        })
      ).body.id,
    ).toBe(started.body.id);
    const run = await under.endOf(started.body.id as string);
    expect(run).toMatchObject({ state: 'succeeded', rowsRead: 303, attempts: 1 });
    expect(run.outputs.map((output: Json) => output.datasetName)).toEqual(['prepared-test', 'prepared-train']);
    const kept = run.outputs.reduce((sum: number, output: Json) => sum + (output.rows as number), 0);
    const dropped = run.steps.reduce((sum: number, step: Json) => sum + (step.rowsIn as number) - (step.rowsOut as number), 0);
    expect(kept + dropped).toBe(303);
    expect(under.ingestion.uploads.slice(before)[0]).toMatchObject({
      keepRowIds: true,
      parentVersionIds: [version.id],
      producedBy: `recipe-run/${run.id}`,
      tags: { purpose: 'spec', split: 'test' },
    });
    const written = run.outputs.flatMap((output: Json) => under.ingestion.rowsOf(output.datasetVersionId as string));
    expect(written).toHaveLength(kept);
    expect(JSON.stringify(written)).not.toContain('ada@example.org');

    const why = await under.ask('GET', `/api/v1/recipe-runs/${run.id}/ledger?row_id=r302`);
    expect(why.body.items).toEqual([
      expect.objectContaining({ rowId: 'r302', step: 'exact_dedup', keptRowId: 'r0', jaccard: 1, action: 'dropped' }),
    ]);
    expect((await under.ask('GET', `/api/v1/recipe-runs/${run.id}/ledger?row_id=r301`)).body.items).toMatchObject([
      { rule: 'words(text) >= 3', value: '1', threshold: '3' },
    ]);
    const first = await under.ask('GET', `/api/v1/recipe-runs/${run.id}/ledger?pageSize=7`);
    const second = await under.ask(
      'GET',
      `/api/v1/recipe-runs/${run.id}/ledger?pageSize=1000&pageToken=${first.body.nextPageToken}`,
    );
    expect(first.body.items.length + second.body.items.length).toBe(dropped + 1);

    const events = await under.published('millrace.dataprep.recipe-run-succeeded.v1', run.id as string);
    expect(events).toHaveLength(1);
    expect(events[0].outputs).toHaveLength(2);

    for (const path of [`/api/v1/recipe-runs/${run.id}`, `/api/v1/recipe-runs/${run.id}/ledger`, '/api/v1/recipes/glossary']) {
      expect((await under.ask('GET', path, undefined, 'other')).status).toBe(404);
    }
    for (const path of ['/api/v1/recipe-runs', '/api/v1/recipes'])
      expect((await under.ask('GET', path, undefined, 'other')).body.items).toEqual([]);
    expect((await under.ask('POST', `/api/v1/recipe-runs/${run.id}/cancel`, {}, 'other')).status).toBe(404);
    expect((await under.ask('POST', `/api/v1/recipe-runs/${run.id}/cancel`, {})).body.code).toBe('DATA_PREP.RUN_FINISHED');
  });

  it('fails a run whose guard is crossed, writes no version and keeps the ledger', async () => {
    const version = under.ingestion.add('guarded', ROWS.slice(0, 10));
    const uploads = under.ingestion.uploads.length;
    const recipeText = 'steps:\n- filter: { where: score > 7, removed_share_max: 0.5 }\n';
    const { body } = await under.ask('POST', '/api/v1/recipe-runs', { recipeText, inputVersion: version.id, outputDataset: 'g' });
    expect(await under.endOf(body.id as string)).toMatchObject({
      state: 'failed',
      errorCode: 'DATA_PREP.TOO_MANY_REMOVED',
      outputs: [],
    });
    expect(under.ingestion.uploads.length).toBe(uploads);
    expect((await under.ask('GET', `/api/v1/recipe-runs/${body.id}/ledger`)).body.items).toHaveLength(8);
    expect(await under.published('millrace.dataprep.recipe-run-failed.v1', body.id as string)).toHaveLength(1);
  });

  it('cancels a running run: no version, one event, the worker free again', async () => {
    const version = under.ingestion.add('cancelled', ROWS);
    under.ingestion.hangExports = 1;
    const { body } = await under.ask('POST', '/api/v1/recipe-runs', {
      recipeText: RECIPE,
      inputVersion: version.id,
      outputDataset: 'c',
    });
    await eventually(async () => (await under.ask('GET', `/api/v1/recipe-runs/${body.id}`)).body.state === 'running');
    expect((await under.ask('POST', `/api/v1/recipe-runs/${body.id}/cancel`, {})).body).toMatchObject({
      state: 'cancelled',
      errorCode: 'DATA_PREP.RUN_CANCELLED',
    });
    expect(await under.published('millrace.dataprep.recipe-run-failed.v1', body.id as string)).toHaveLength(1);
    const next = await under.ask('POST', '/api/v1/recipe-runs', {
      recipeText: 'steps:\n- select: [text]',
      inputVersion: version.id,
      outputDataset: 'c2',
    });
    expect((await under.endOf(next.body.id as string)).state).toBe('succeeded');
  });

  it('does a run again whose worker is gone: the same versions, the ledger once', async () => {
    const version = under.ingestion.add('rerun', ROWS);
    under.ingestion.hangExports = 1;
    const started = under.ingestion.exportsStarted;
    const { body } = await under.ask('POST', '/api/v1/recipe-runs', {
      recipeText: RECIPE,
      inputVersion: version.id,
      outputDataset: 'rerun-out',
    });
    await eventually(() => under.ingestion.exportsStarted > started);
    await under.loseWorker();
    const run = await under.endOf(body.id as string);
    expect(run).toMatchObject({ state: 'succeeded', attempts: 2 });
    const [{ doubles }] = await under.database.query<{ doubles: number }>(
      'select (count(*) - count(distinct (row_id, step_index)))::int as doubles from ledger_entries where run_id = $1',
      [run.id],
    );
    expect(doubles).toBe(0);
    expect(await under.published('millrace.dataprep.recipe-run-succeeded.v1', run.id as string)).toHaveLength(1);
  });

  it.each([
    [{ inputVersion: 'nothing/latest', outputDataset: 'x', recipeText: RECIPE }, 404, 'DATA_PREP.INPUT_NOT_FOUND'],
    [{ inputVersion: 'raw/latest', outputDataset: 'x' }, 400, 'recipe_text'],
    [{ inputVersion: 'raw/latest', outputDataset: 'x', recipeText: RECIPE, recipeName: 'glossary' }, 400, 'recipe_text'],
    [{ inputVersion: 'raw/latest', outputDataset: '../x', recipeText: RECIPE }, 400, 'output_dataset'],
    [{ inputVersion: 'raw/latest', outputDataset: 'x', recipeName: 'unknown' }, 404, 'DATA_PREP.RECIPE_NOT_FOUND'],
    [{ inputVersion: 'raw/latest', outputDataset: 'x', recipeText: RECIPE, tgas: {} }, 400, 'tgas'],
    [{ inputVersion: 'raw/latest', outputDataset: 'x', recipeText: RECIPE, tags: { a: 1 } }, 400, 'tags.a'],
    [{ inputVersion: 'raw/latest', outputDataset: 'x', recipeText: 'steps: 1' }, 400, 'DATA_PREP.RECIPE_INVALID'],
  ])('refuses a run of %j', async (body, status, part) => {
    const answer = await under.ask('POST', '/api/v1/recipe-runs', body);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(part)]);
  });
});
