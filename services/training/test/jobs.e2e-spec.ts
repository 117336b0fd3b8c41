// SPDX-License-Identifier: Apache-2.0
import { BlobStore, readModelManifest } from '#libs/storage';
import { jobBody, taskRows, TrainingFixture } from './training-fixture';

describe('fine-tune jobs', () => {
  const training = new TrainingFixture();
  let rows: string;

  beforeAll(async () => {
    await training.start({ PROGRESS_MILLISECONDS: '0' });
    rows = training.ingestion.add(training.workspace, 'definitions', taskRows(60));
  }, 60_000);
  afterAll(() => training.stop(), 60_000);

  it('trains the base model and tells lineage, metrics, checkpoints and history', async () => {
    const created = await training.create('/jobs', jobBody('definitions/latest'));
    expect(created).toMatchObject({ state: 'validating', submittedBy: 'local-admin' });
    expect(created.spec.hyperparameters).toMatchObject({ steps: 30, batchSize: 4, learningRate: 0.002, seed: 1 });

    const job = await training.awaitState(`/jobs/${created.id}`, 'succeeded');
    expect(job.inputs).toMatchObject([{ datasetVersionId: rows, role: 'train', rows: 60 }]);
    expect(job).toMatchObject({ baseModelName: 'tiny-base', steps: 30, error: null });
    expect(job.metrics.train_loss).toBeLessThan(3);
    expect(job.attempts).toMatchObject([{ number: 1, state: 'succeeded', executor: 'child-process', resumedFromStep: 0 }]);
    const manifest = await readModelManifest(training.service.get(BlobStore), job.modelManifestDigest);
    expect(manifest.files.map((file) => file.path)).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
    );

    const { body: checkpoints } = await training.call('GET', `/jobs/${created.id}/checkpoints`);
    expect(checkpoints.items.map((checkpoint: { step: number }) => checkpoint.step)).toEqual([20, 10]);
    const { body: history } = await training.call('GET', `/jobs/${created.id}/events?pageSize=1000`);
    const types = history.items.map((event: { type: string }) => event.type);
    expect(types).toEqual(expect.arrayContaining(['validation', 'state', 'progress', 'checkpoint']));
    expect(history.items.map((event: { sequence: number }) => event.sequence)).toEqual(
      types.map((_: string, index: number) => index + 1),
    );
  }, 90_000);

  it('shows what waits and what ended in its metrics', async () => {
    const { id } = await training.create('/jobs', jobBody('definitions/latest', { hyperparameters: { steps: 50_000 } }));
    await training.awaitState(`/jobs/${id}`, 'running');
    const scrape = async (): Promise<string> => (await fetch(`${training.service.baseUrl}/metrics`)).text();
    const text = await scrape();
    expect(text).toMatch(/^millrace_training_jobs_open\{kind="fine-tune",state="running"\} 1$/m);
    expect(text).toMatch(/^millrace_training_jobs_unchanged_seconds\{kind="fine-tune",state="running"\} \d/m);
    expect(text).toMatch(/^millrace_training_attempts_total\{kind="fine-tune",outcome="succeeded"\} 1$/m);
    expect(text).toMatch(/^# TYPE millrace_training_pipeline_runs_open gauge$/m);
    await training.call('POST', `/jobs/${id}/cancel`, {});
    await training.awaitState(`/jobs/${id}`, 'cancelled');
    expect(await scrape()).not.toMatch(/^millrace_training_jobs_open\{/m);
  }, 60_000);
});
