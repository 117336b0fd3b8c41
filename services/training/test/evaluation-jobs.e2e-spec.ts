// SPDX-License-Identifier: Apache-2.0
import { training as contracts } from '#libs/contracts';
import { Database } from '#libs/persistence';
import { createRpcClient } from '#libs/rpc';
import { BlobStore } from '#libs/storage';
import { type Answer, jobBody, taskRows, TrainingFixture } from './training-fixture';

describe('evaluation jobs', () => {
  const training = new TrainingFixture();
  let base: string;
  let tuned: string;

  beforeAll(async () => {
    await training.start();
    training.ingestion.add(training.workspace, 'train', taskRows(60));
    training.ingestion.add(training.workspace, 'held-out', taskRows(28));
    [base] = (await training.call('GET', '/base-models')).body.items.map((model: Answer) => model.manifestDigest);
    const job = await training.create(
      '/jobs',
      jobBody('train/latest', { hyperparameters: { steps: 150, batchSize: 8, tokenDropout: 0 } }),
    );
    tuned = (await training.awaitState(`/jobs/${job.id}`, 'succeeded')).modelManifestDigest;
  }, 120_000);
  afterAll(() => training.stop(), 60_000);

  const body = (modelManifestDigest: string, over: Answer = {}): Answer => ({
    modelManifestDigest,
    registeredModelName: 'triage',
    slices: [{ name: 'period-1', datasetVersion: 'held-out/latest' }],
    promptTemplate: '{text}\nDomain:',
    answerTemplate: ' {label}',
    baselineTraining: [{ datasetVersion: 'train/latest' }],
    ...over,
  });
  const evaluate = async (digest: string): Promise<Answer> => {
    const { id } = await training.create('/evaluation-jobs', body(digest));
    return training.awaitState(`/evaluation-jobs/${id}`, 'succeeded');
  };

  it('scores a model with intervals beside baselines, by label, and keeps every answer', async () => {
    const job = await evaluate(tuned);
    const [slice] = job.slices;
    const [accuracy, macroF1] = slice.metrics;
    expect(accuracy).toMatchObject({
      metric: 'accuracy',
      rows: 28,
      confidence: 0.95,
      baselines: { majority: 0.5, bag_of_words: 1 },
    });
    expect(macroF1).toMatchObject({ metric: 'macro_f1', rows: 28, baselines: { bag_of_words: 1 } });
    expect(macroF1.baselines.majority).toBeCloseTo(1 / 3, 10);
    expect(accuracy.value).toBeGreaterThan(0.9);
    for (const metric of slice.metrics) {
      expect(metric.low).toBeLessThanOrEqual(metric.value);
      expect(metric.high).toBeGreaterThanOrEqual(metric.value);
    }
    expect(slice.labels.map((label: Answer) => [label.label, label.rows])).toEqual([
      ['animal', 14],
      ['plant', 14],
    ]);
    expect(slice).toMatchObject({ invalidAnswers: 0 });
    const answers = (await training.service.get(BlobStore).get(job.answersDigest, { bytesMax: 1e6 }))
      .toString('utf8')
      .trim()
      .split('\n');
    expect(answers).toHaveLength(28);
    expect(JSON.parse(answers[0])).toMatchObject({ slice: 'period-1', rowId: 'r1', expected: 'animal' });
  }, 60_000);

  it('compares two models on the same rows with the exact paired test', async () => {
    const [candidate, control] = [await evaluate(tuned), await evaluate(base)];
    const { body: comparison } = await training.call('GET', `/evaluation-jobs/${candidate.id}/comparison?control=${control.id}`);
    const [slice] = comparison.items;
    const difference = candidate.slices[0].metrics[0].value - control.slices[0].metrics[0].value;
    expect(slice).toMatchObject({ slice: 'period-1', rows: 28 });
    expect(slice.difference).toBeCloseTo(difference, 10);
    expect((slice.candidateOnlyRight - slice.controlOnlyRight) / 28).toBeCloseTo(difference, 10);
    expect(control.slices[0].invalidAnswers).toBeGreaterThan(0);
    expect(slice.pValue).toBeLessThan(0.01);
  }, 60_000);

  it('refuses an unknown model, a slice name used twice and an unknown dataset, each by field', async () => {
    const slice = { name: 'a', datasetVersion: 'held-out/latest' };
    const twice = await training.call(
      'POST',
      '/evaluation-jobs',
      body('0'.repeat(64), { slices: [slice, slice, { name: 'b', datasetVersion: 'none/1' }] }),
    );
    expect(twice).toMatchObject({ status: 400 });
    expect(twice.body.errors.map((fault: Answer) => fault.field)).toEqual(['slices[1].name', 'slices[2].datasetVersion']);
    const unknown = await training.call('POST', '/evaluation-jobs', body('0'.repeat(64)));
    expect(unknown.body.errors).toEqual([
      { field: 'modelManifestDigest', message: expect.stringContaining('trained in this workspace') },
    ]);
  });

  it('fails with the file named when a stored model was altered', async () => {
    const store = training.service.get(BlobStore);
    const manifest = JSON.parse((await store.get(tuned, { bytesMax: 1e6 })).toString('utf8')) as {
      files: { path: string; sha256: string }[];
    };
    // The same manifest with a file that is not in the store.
    const files = manifest.files.map((file) => (file.path === 'model.safetensors' ? { ...file, sha256: 'f'.repeat(64) } : file));
    const { sha256 } = await store.put(Buffer.from(JSON.stringify({ ...manifest, files })));
    await training.service.get(Database).query(
      `insert into jobs (workspace, id, kind, state, spec, inputs, model_digest, submitted_by, result)
       values ($1, 'altered', 'fine-tune', 'succeeded', '{}', '[]', '', 'spec', jsonb_build_object('modelManifestDigest', $2::text))`,
      [training.workspace, sha256],
    );
    const { id } = await training.create('/evaluation-jobs', body(sha256));
    const job = await training.awaitState(`/evaluation-jobs/${id}`, 'failed');
    expect(job.error.message).toContain('model.safetensors');
  }, 60_000);

  it('takes no model of another workspace by its digest, to score it or to go on from it', async () => {
    const other = { 'x-millrace-workspace': 'curious' };
    for (const dataset of ['train', 'held-out']) training.ingestion.add('curious', dataset, taskRows(28));
    const goOn = jobBody('train/latest', { baseModel: tuned });
    const refused = (field: string) => ({
      status: 400,
      body: { errors: [{ field, message: `no model with manifest digest ${tuned} was trained in this workspace` }] },
    });
    expect(await training.call('POST', '/evaluation-jobs', body(tuned), other)).toMatchObject(refused('modelManifestDigest'));
    expect(await training.call('POST', '/jobs', goOn, other)).toMatchObject(refused('baseModel'));
    // The same is fine where the model was trained, and a shipped model is everybody's.
    expect((await training.call('POST', '/jobs', goOn)).status).toBe(201);
    expect((await training.call('POST', '/evaluation-jobs', body(base), other)).status).toBe(201);
  }, 60_000);

  it('shows nothing of one workspace in another', async () => {
    const { id } = await evaluate(base);
    const other = { 'x-millrace-workspace': 'somebody-else' };
    expect((await training.call('GET', '/evaluation-jobs', undefined, other)).body.items).toEqual([]);
    for (const path of [
      `/evaluation-jobs/${id}`,
      `/evaluation-jobs/${id}/events`,
      `/evaluation-jobs/${id}/comparison?control=${id}`,
    ]) {
      expect((await training.call('GET', path, undefined, other)).status).toBe(404);
    }
    const client = createRpcClient(contracts.EvaluationJobServiceService, {
      address: training.service.grpcAddress,
      service: 'spec',
    });
    const foreign = { workspace: 'somebody-else', deadlineMs: 10_000 };
    const cancel = { evaluationJobId: id, reason: '', requestId: '' };
    const compare = { candidateEvaluationJobId: id, controlEvaluationJobId: id };
    const list = { modelManifestDigest: '', pipelineRunId: '', pageSize: 0, pageToken: '' };
    try {
      await expect(client.getEvaluationJob({ evaluationJobId: id }, foreign)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      await expect(client.cancelEvaluationJob(cancel, foreign)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      await expect(client.compareEvaluationJobs(compare, foreign)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      expect((await client.listEvaluationJobs(list, foreign)).evaluationJobs).toEqual([]);
      const own = await client.getEvaluationJob({ evaluationJobId: id }, { ...foreign, workspace: training.workspace });
      expect(own.evaluationJob?.scores[0]?.results.map((result) => result.metric)).toEqual(['accuracy', 'macro_f1']);
    } finally {
      client.close();
    }
  }, 60_000);
});
