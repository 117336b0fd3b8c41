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
});
