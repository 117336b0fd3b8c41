// SPDX-License-Identifier: Apache-2.0
import { dataprep, Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { Database, UnitOfWork } from '#libs/persistence';
import { createRpcClient } from '#libs/rpc';
import { eventually, startTestService, type TestService } from '#libs/testing';
import { plantedDocuments } from '../bench/planted-documents';
import { AppModule } from '../src/app.module';
import { DataPrepSettings } from '../src/config';
import { migrations } from '../src/migrations';
import { FakeIngestion } from './fake-ingestion';

type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers of the HTTP door, checked by the expectations

const RECIPE = `name: glossary
steps:
  - redact_pii: {}
  - filter: words(text) >= 3
  - exact_dedup: { fields: [text] }
  - near_dedup: { threshold: 0.7 }
  - split: { outputs: { train: 0.7, test: 0.3 }, seed: s }
`;

describe('data-prep', () => {
  const ingestion = new FakeIngestion();
  let service: TestService;

  beforeAll(async () => {
    await ingestion.start();
    service = await startTestService({
      service: 'data-prep',
      settings: DataPrepSettings,
      module: (settings) => AppModule.forRoot(settings),
      migrations,
      env: {
        INGESTION_GRPC: ingestion.address,
        JOB_LEASE_SECONDS: '1',
        JOB_POLL_MILLISECONDS: '50',
        RECIPE_ROWS_MAX: '5000',
        PREVIEW_ROWS_MAX: '200',
      },
    });
  }, 60_000);
  afterAll(async () => {
    await service?.close();
    ingestion.stop();
  });

  async function ask(
    method: string,
    path: string,
    body?: unknown,
    workspace = 'default',
  ): Promise<{ status: number; body: Json; text: string }> {
    const response = await fetch(`${service.baseUrl}${path}`, {
      method,
      headers: { 'x-millrace-workspace': workspace, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    return { status: response.status, body: isJson ? (JSON.parse(text) as Json) : {}, text };
  }

  const commit = (version: { id: string; datasetName: string }, workspace = 'default') =>
    service.get(UnitOfWork).run((tx) =>
      service.get(EventPublisher).publish(tx, Events.DatasetVersionCommitted, {
        workspace,
        aggregateId: version.id,
        aggregateVersion: 1,
        data: Events.DatasetVersionCommitted.fromJSON({ versionId: version.id, datasetName: version.datasetName, version: 1 }),
      }),
    );

  const profileOf = (versionId: string) =>
    eventually(
      async () => {
        const { body } = await ask('GET', `/api/v1/profiles/${versionId}`);
        return body.state === 'succeeded' || body.state === 'failed' ? body : false;
      },
      { timeoutMs: 15_000 },
    );

  const endOf = (runId: string) =>
    eventually(
      async () => {
        const { body } = await ask('GET', `/api/v1/recipe-runs/${runId}`);
        return ['succeeded', 'failed', 'cancelled'].includes(body.state as string) ? body : false;
      },
      { timeoutMs: 15_000 },
    );

  const published = async (type: string, aggregateId: string) => {
    const sql = 'select payload from outbox where type = $1 and aggregateid = $2';
    const events = await service.get(Database).query<{ payload: string }>(sql, [type, aggregateId]);
    return events.map(({ payload }) => ({ payload: JSON.parse(payload) as Json }));
  };

  const { texts } = plantedDocuments({ documents: 300, words: 40, copyShare: 0.3, editShareMax: 0.08, seed: 4 });
  const rows = [
    ...texts.map((text, i) => ({ text, label: i % 3 === 0 ? 'animal' : 'plant', score: i })),
    { text: 'write to ada@example.org today', label: 'person', score: 1 },
    { text: 'short', label: 'person', score: 2 },
    { text: texts[0], label: 'animal', score: 3 },
  ];

  describe('profiles', () => {
    it('makes one profile of every committed version, with a page, and tells others once', async () => {
      const version = ingestion.add('glossary', rows);
      await commit(version);
      await commit(version);
      const profile = await profileOf(version.id);
      expect(profile).toMatchObject({ state: 'succeeded', datasetName: 'glossary', reportReady: true });
      expect(profile.result).toMatchObject({
        schema: 'millrace.profile/v1',
        rows: 303,
        quarantined: { rows: 1, byReason: { invalid_json: 1 } },
        text: { field: 'text' },
        labels: { field: 'label' },
        pii: [{ type: 'EMAIL', rows: 1 }],
      });
      expect(profile.result.columns.map((column: Json) => column.name)).toEqual(['text', 'label', 'score']);
      expect(profile.result.duplicates.near.removed).toBeGreaterThan(20);
      const page = await ask('GET', profile.reportPath as string);
      expect(page.status).toBe(200);
      expect(page.text).toMatch(/^<!doctype html>/);
      expect(page.text).not.toContain('ada@example.org');
      const events = await published('millrace.dataprep.profile-completed.v1', profile.id as string);
      expect(events).toHaveLength(1);
      expect(events[0].payload).toMatchObject({ datasetVersionId: version.id, rows: '303', reportPath: profile.reportPath });
      expect((await ask('GET', '/api/v1/profiles?datasetName=glossary')).body.items).toHaveLength(1);
    });

    it('shows nothing of one workspace in another', async () => {
      const version = ingestion.add('secret', rows.slice(0, 5));
      await commit(version);
      const { id } = await profileOf(version.id);
      for (const path of [`/api/v1/profiles/${id}`, `/api/v1/profiles/${version.id}`, `/api/v1/profiles/${id}/report.html`]) {
        expect((await ask('GET', path, undefined, 'other')).status).toBe(404);
      }
      expect((await ask('GET', '/api/v1/profiles', undefined, 'other')).body.items).toEqual([]);
      expect((await ask('POST', '/api/v1/profiles', { datasetVersion: version.id }, 'other')).status).toBe(404);
    });

    it('tries again when ingestion is away, and fails for good when the version is gone', async () => {
      ingestion.failExports = 1;
      const version = ingestion.add('flaky', rows.slice(0, 5));
      await commit(version);
      expect((await profileOf(version.id)).state).toBe('succeeded');
      await commit({ id: '0196f0b0-0000-7000-8000-999999999999', datasetName: 'gone' });
      expect(await profileOf('0196f0b0-0000-7000-8000-999999999999')).toMatchObject({
        state: 'failed',
        errorCode: 'DATA_PREP.INPUT_NOT_FOUND',
      });
      expect((await ask('GET', '/api/v1/profiles/0196f0b0-0000-7000-8000-999999999999/report.html')).body).toMatchObject({
        status: 412,
        code: 'DATA_PREP.PROFILE_NOT_READY',
      });
    });

    it('does a profile again whose worker is gone; the old worker can write nothing', async () => {
      ingestion.hangExports = 1;
      const started = ingestion.exportsStarted;
      const version = ingestion.add('killed', rows.slice(0, 50));
      await commit(version);
      await eventually(() => ingestion.exportsStarted > started, { timeoutMs: 10_000 });
      // What the database sees of a worker that was killed: a lease that nobody renews. The fence rises with the next claim.
      await service.get(Database).query("update jobs set lease_until = now() - interval '1 second', fence = fence + 1");
      const profile = await profileOf(version.id);
      expect(profile).toMatchObject({ state: 'succeeded' });
      expect(ingestion.exportsStarted).toBe(started + 2);
      expect(await published('millrace.dataprep.profile-completed.v1', profile.id as string)).toHaveLength(1);
      expect(await service.get(Database).query('select 1 from jobs')).toHaveLength(0);
    });
  });

  describe('recipes', () => {
    it('keeps versions of a recipe and refuses a wrong one with path and line', async () => {
      expect((await ask('POST', '/api/v1/recipes', { name: 'glossary', text: RECIPE, requestId: 'one' })).body).toMatchObject({
        version: 1,
      });
      expect((await ask('POST', '/api/v1/recipes', { name: 'glossary', text: RECIPE, requestId: 'one' })).body).toMatchObject({
        version: 1,
      });
      expect((await ask('POST', '/api/v1/recipes', { name: 'glossary', text: `${RECIPE}# second\n` })).body).toMatchObject({
        version: 2,
      });
      expect((await ask('GET', '/api/v1/recipes/glossary?version=1')).body.text).toBe(RECIPE);
      expect((await ask('GET', '/api/v1/recipes')).body.items).toMatchObject([{ name: 'glossary', version: 2 }]);
      const wrong = await ask('POST', '/api/v1/recipes', { name: 'x', text: 'steps:\n- near_dedup: { treshold: 0.8 }\n' });
      expect(wrong.status).toBe(400);
      expect(wrong.body.code).toBe('DATA_PREP.RECIPE_INVALID');
      expect(wrong.text).toContain('steps[0].near_dedup.treshold: unknown field; did you mean threshold?');
    });

    it('previews what each step would drop and writes nothing', async () => {
      const version = ingestion.add('previewed', rows);
      const uploads = ingestion.uploads.length;
      const { status, body } = await ask('POST', '/api/v1/recipe-previews', {
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
      expect(ingestion.uploads.length).toBe(uploads);
      expect(
        (await ask('POST', '/api/v1/recipe-previews', { recipeText: RECIPE, inputVersion: version.id, rowsMax: 500 })).status,
      ).toBe(400);
    });

    it('runs a recipe: one version per output, a ledger that answers for a row, one event', async () => {
      const version = ingestion.add('raw', rows);
      const before = ingestion.uploads.length;
      const started = await ask('POST', '/api/v1/recipe-runs', {
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
          await ask('POST', '/api/v1/recipe-runs', {
            recipeText: RECIPE,
            inputVersion: version.id,
            outputDataset: 'prepared',
            tags: { purpose: 'spec' },
            requestId: 'run-1',
          })
        ).body.id,
      ).toBe(started.body.id);
      const run = await endOf(started.body.id as string);
      expect(run).toMatchObject({ state: 'succeeded', rowsRead: 303, attempts: 1 });
      expect(run.outputs.map((output: Json) => output.datasetName)).toEqual(['prepared-test', 'prepared-train']);
      const kept = run.outputs.reduce((sum: number, output: Json) => sum + (output.rows as number), 0);
      const dropped = run.steps.reduce((sum: number, step: Json) => sum + (step.rowsIn as number) - (step.rowsOut as number), 0);
      expect(kept + dropped).toBe(303);
      expect(ingestion.uploads.slice(before)[0]).toMatchObject({
        keepRowIds: true,
        parentVersionIds: [version.id],
        producedBy: `recipe-run/${run.id}`,
        tags: { purpose: 'spec', split: 'test' },
      });
      const written = run.outputs.flatMap((output: Json) => ingestion.rowsOf(output.datasetVersionId as string));
      expect(written).toHaveLength(kept);
      expect(JSON.stringify(written)).not.toContain('ada@example.org');

      const why = await ask('GET', `/api/v1/recipe-runs/${run.id}/ledger?row_id=r302`);
      expect(why.body.items).toEqual([
        expect.objectContaining({ rowId: 'r302', step: 'exact_dedup', keptRowId: 'r0', jaccard: 1, action: 'dropped' }),
      ]);
      expect((await ask('GET', `/api/v1/recipe-runs/${run.id}/ledger?row_id=r301`)).body.items).toMatchObject([
        { rule: 'words(text) >= 3', value: '1', threshold: '3' },
      ]);
      const first = await ask('GET', `/api/v1/recipe-runs/${run.id}/ledger?pageSize=7`);
      const second = await ask('GET', `/api/v1/recipe-runs/${run.id}/ledger?pageSize=1000&pageToken=${first.body.nextPageToken}`);
      expect(first.body.items.length + second.body.items.length).toBe(dropped + 1);

      const events = await published('millrace.dataprep.recipe-run-succeeded.v1', run.id as string);
      expect(events).toHaveLength(1);
      expect(events[0].payload.outputs).toHaveLength(2);

      for (const path of [`/api/v1/recipe-runs/${run.id}`, `/api/v1/recipe-runs/${run.id}/ledger`, '/api/v1/recipes/glossary']) {
        expect((await ask('GET', path, undefined, 'other')).status).toBe(404);
      }
      for (const path of ['/api/v1/recipe-runs', '/api/v1/recipes'])
        expect((await ask('GET', path, undefined, 'other')).body.items).toEqual([]);
      expect((await ask('POST', `/api/v1/recipe-runs/${run.id}/cancel`, {}, 'other')).status).toBe(404);
      expect((await ask('POST', `/api/v1/recipe-runs/${run.id}/cancel`, {})).body.code).toBe('DATA_PREP.RUN_FINISHED');
    });

    it('fails a run whose guard is crossed, writes no version and keeps the ledger', async () => {
      const version = ingestion.add('guarded', rows.slice(0, 10));
      const uploads = ingestion.uploads.length;
      const recipeText = 'steps:\n- filter: { where: score > 7, removed_share_max: 0.5 }\n';
      const { body } = await ask('POST', '/api/v1/recipe-runs', { recipeText, inputVersion: version.id, outputDataset: 'g' });
      expect(await endOf(body.id as string)).toMatchObject({
        state: 'failed',
        errorCode: 'DATA_PREP.TOO_MANY_REMOVED',
        outputs: [],
      });
      expect(ingestion.uploads.length).toBe(uploads);
      expect((await ask('GET', `/api/v1/recipe-runs/${body.id}/ledger`)).body.items).toHaveLength(8);
      expect(await published('millrace.dataprep.recipe-run-failed.v1', body.id as string)).toHaveLength(1);
    });

    it('cancels a running run: no version, one event, the worker free again', async () => {
      const version = ingestion.add('cancelled', rows);
      ingestion.hangExports = 1;
      const { body } = await ask('POST', '/api/v1/recipe-runs', {
        recipeText: RECIPE,
        inputVersion: version.id,
        outputDataset: 'c',
      });
      await eventually(async () => (await ask('GET', `/api/v1/recipe-runs/${body.id}`)).body.state === 'running', {
        timeoutMs: 5_000,
      });
      expect((await ask('POST', `/api/v1/recipe-runs/${body.id}/cancel`, {})).body).toMatchObject({
        state: 'cancelled',
        errorCode: 'DATA_PREP.RUN_CANCELLED',
      });
      expect(await published('millrace.dataprep.recipe-run-failed.v1', body.id as string)).toHaveLength(1);
      const next = await ask('POST', '/api/v1/recipe-runs', {
        recipeText: 'steps:\n- select: [text]',
        inputVersion: version.id,
        outputDataset: 'c2',
      });
      expect((await endOf(next.body.id as string)).state).toBe('succeeded');
    });

    it('does a run again whose worker is gone: the same versions, the ledger once', async () => {
      const version = ingestion.add('rerun', rows);
      ingestion.hangExports = 1;
      const started = ingestion.exportsStarted;
      const { body } = await ask('POST', '/api/v1/recipe-runs', {
        recipeText: RECIPE,
        inputVersion: version.id,
        outputDataset: 'rerun-out',
      });
      await eventually(() => ingestion.exportsStarted > started, { timeoutMs: 5_000 });
      await service.get(Database).query("update jobs set lease_until = now() - interval '1 second', fence = fence + 1");
      const run = await endOf(body.id as string);
      expect(run).toMatchObject({ state: 'succeeded', attempts: 2 });
      const [{ doubles }] = await service
        .get(Database)
        .query<{ doubles: number }>(
          'select (count(*) - count(distinct (row_id, step_index)))::int as doubles from ledger_entries where run_id = $1',
          [run.id],
        );
      expect(doubles).toBe(0);
      expect(await published('millrace.dataprep.recipe-run-succeeded.v1', run.id as string)).toHaveLength(1);
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
      const answer = await ask('POST', '/api/v1/recipe-runs', body);
      expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(part)]);
    });
  });

  it('serves the same over gRPC', async () => {
    const call = { workspace: 'default', deadlineMs: 5_000 };
    const recipes = createRpcClient(dataprep.RecipeServiceService, { address: service.grpcAddress, service: 'spec' });
    const profiles = createRpcClient(dataprep.ProfileServiceService, { address: service.grpcAddress, service: 'spec' });
    const version = ingestion.add('grpc', rows.slice(0, 20));
    const { run } = await recipes.startRecipeRun(
      {
        recipeText: 'steps:\n- filter: score > 4',
        recipeName: '',
        inputVersion: 'grpc/latest',
        outputDataset: 'grpc-out',
        tags: {},
        requestId: 'g',
      },
      call,
    );
    const id = (run as dataprep.RecipeRun).id;
    await endOf(id);
    const got = await recipes.getRecipeRun({ id }, call);
    expect(got.run).toMatchObject({
      state: dataprep.WorkState.WORK_STATE_SUCCEEDED,
      rowsRead: '20',
      steps: [{ rowsOut: '15' }],
      outputs: [{ split: 'all', rows: '15' }],
    });
    const ledger = await recipes.listLedgerEntries({ runId: id, rowId: 'r3', pageSize: 0, pageToken: '' }, call);
    expect(ledger.entries).toMatchObject([{ rule: 'score > 4', value: '3', threshold: '4', jaccard: undefined }]);
    const preview = await recipes.previewRecipe(
      { recipeText: 'steps:\n- filter: "false"', recipeName: '', inputVersion: version.id, rowsMax: 0 },
      call,
    );
    expect(preview.warnings).toEqual(['no row is left for output all']);
    const { profile } = await profiles.requestProfile({ datasetVersion: version.id, requestId: 'p' }, call);
    await profileOf(version.id);
    const made = await profiles.getProfile({ id: (profile as dataprep.Profile).id }, call);
    expect(JSON.parse(made.profile?.resultJson ?? '')).toMatchObject({ rows: 20 });
    const foreign = { ...call, workspace: 'other' };
    await expect(recipes.getRecipeRun({ id }, foreign)).rejects.toMatchObject({ code: 'DATA_PREP.RUN_NOT_FOUND' });
    await expect(recipes.listLedgerEntries({ runId: id, rowId: '', pageSize: 0, pageToken: '' }, foreign)).rejects.toMatchObject({
      kind: 'not-found',
    });
    await expect(recipes.getRecipe({ name: 'glossary', version: 0 }, foreign)).rejects.toMatchObject({ kind: 'not-found' });
    await expect(profiles.getProfile({ id: version.id }, foreign)).rejects.toMatchObject({ code: 'DATA_PREP.PROFILE_NOT_FOUND' });
    expect((await recipes.listRecipeRuns({ pageSize: 0, pageToken: '' }, foreign)).runs).toEqual([]);
    expect((await recipes.listRecipes({ pageSize: 0, pageToken: '' }, foreign)).recipes).toEqual([]);
    expect((await profiles.listProfiles({ pageSize: 0, pageToken: '', datasetName: '' }, foreign)).profiles).toEqual([]);
    recipes.close();
    profiles.close();
  });

  it('counts its work', async () => {
    const page = (await ask('GET', '/metrics')).text;
    expect(page).toMatch(/millrace_data_prep_job_seconds_count\{kind="recipe-run",outcome="succeeded"\} [1-9]/);
    expect(page).toMatch(/millrace_data_prep_rows_total\{outcome="near_dedup"\} [1-9]/);
    expect(page).toMatch(/millrace_data_prep_jobs_waiting 0/);
  });
});
