// SPDX-License-Identifier: Apache-2.0
import { dataprep } from '#libs/contracts';
import { createRpcClient } from '#libs/rpc';
import { RECIPE, ROWS, ServiceUnderTest } from './service-under-test';

describe('data-prep', () => {
  const under = new ServiceUnderTest();
  beforeAll(() => under.start(), 60_000);
  afterAll(() => under.stop());

  it('serves the same over gRPC', async () => {
    const call = { workspace: 'default', deadlineMs: 5_000 };
    const recipes = createRpcClient(dataprep.RecipeServiceService, { address: under.service.grpcAddress, service: 'spec' });
    const profiles = createRpcClient(dataprep.ProfileServiceService, { address: under.service.grpcAddress, service: 'spec' });
    const version = under.ingestion.add('grpc', ROWS.slice(0, 20));
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
    await under.endOf(id);
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
    await under.profileOf(version.id);
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
    const version = under.ingestion.add('counted', ROWS);
    const { body } = await under.ask('POST', '/api/v1/recipe-runs', {
      recipeText: RECIPE,
      inputVersion: version.id,
      outputDataset: 'counted-out',
    });
    await under.endOf(body.id as string);
    const page = (await under.ask('GET', '/metrics')).text;
    expect(page).toMatch(/millrace_data_prep_job_seconds_count\{kind="recipe-run",outcome="succeeded"\} [1-9]/);
    expect(page).toMatch(/millrace_data_prep_rows_total\{outcome="near_dedup"\} [1-9]/);
    expect(page).toMatch(/millrace_data_prep_jobs_waiting 0/);
  });
});
