// SPDX-License-Identifier: Apache-2.0
import { training as contracts } from '#libs/contracts';
import { createRpcClient, type RpcClient } from '#libs/rpc';
import { eventually } from '#libs/testing';
import { type Answer, jobBody, taskRows, TrainingFixture } from './training-fixture';

describe('what jobs are refused for, and who sees them', () => {
  const training = new TrainingFixture();
  let jobs: RpcClient<typeof contracts.JobServiceService>;
  const settings = () => ({ workspace: training.workspace, deadlineMs: 20_000 });

  beforeAll(async () => {
    await training.start({ JOBS_RUNNING_MAX: '1', ROW_FAULTS_LISTED_MAX: '3' });
    training.ingestion.add(training.workspace, 'definitions', taskRows(20));
    jobs = createRpcClient(contracts.JobServiceService, { address: training.service.grpcAddress, service: 'spec' });
  }, 60_000);
  afterAll(async () => {
    jobs.close();
    await training.stop();
  }, 60_000);

  const faultsOf = (answer: { body: Answer }): Record<string, string> =>
    Object.fromEntries(
      (answer.body.errors as { field: string; message: string }[]).map(({ field, message }) => [field, message]),
    );

  it('names every wrong field of a request at once, before anything is stored', async () => {
    const answer = await training.call('POST', '/jobs', {
      ...jobBody('definitions/latest'),
      baseModel: 'tiny-bse',
      answerTemplate: ' {label',
      hyperparameters: { learningRat: 0.1, steps: 0, batchSize: 'many', method: 'qlora' },
      inputs: [{ datasetVersion: 'nowhere/latest' }, { datasetVersion: 'definitions/latest', weight: 2 }],
      colour: 'red',
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'TRAINING.SPEC_INVALID' } });
    expect(faultsOf(answer)).toEqual({
      colour: 'unknown field',
      answerTemplate: 'position 2: unbalanced {; write {{ for a brace',
      'inputs[0].datasetVersion': 'dataset version "nowhere/latest" not found',
      'inputs[0].weight': 'give every input a weight, or none',
      'inputs[1].weight': 'must be a number from 0 to 1',
      'hyperparameters.learningRat': 'unknown setting; did you mean learningRate?',
      'hyperparameters.steps': 'must be from 1 to 1000000, got 0',
      'hyperparameters.batchSize': 'must be a whole number, got "many"',
      'hyperparameters.method': 'must be one of full, lora, got "qlora"',
      baseModel: 'unknown base model "tiny-bse"; did you mean tiny-base?',
    });
    expect((await training.call('GET', '/jobs')).body.items).toEqual([]);
    expect(await training.call('POST', '/jobs', [1])).toMatchObject({ status: 400 });
    expect(await training.call('POST', '/jobs', { ...jobBody('definitions/latest'), pipelineRunId: 'x' })).toMatchObject({
      status: 400,
    });
  });

  it('fails a job whose rows do not fit, naming rows and columns, without an attempt', async () => {
    training.ingestion.add(training.workspace, 'faulty', [
      { text: 'a dog', label: 'animal' },
      { text: 'a stone', label: 'mineral' },
      { text: 'an oak' },
      { text: '', label: 'plant' },
      { text: { nested: true }, label: 'plant' },
    ]);
    const { id } = await training.create('/jobs', jobBody('faulty/latest', { labels: ['animal', 'plant'] }));
    const job = await training.awaitState(`/jobs/${id}`, 'failed');
    expect(job.error).toMatchObject({
      failureClass: 'data',
      code: 'TRAINING.ROWS_INVALID',
      message: expect.stringMatching(/^4 rows do not fit/),
    });
    expect(job.error.violations).toEqual([
      { field: 'inputs[0].rows[2]', message: 'answer "mineral" is not in the label set (animal, plant) (row id r2)' },
      { field: 'inputs[0].rows[3].label', message: 'is missing (row id r3)' },
      { field: 'inputs[0].rows[4].text', message: 'is blank (row id r4)' },
    ]);
    expect(job.attempts).toEqual([]);
  });

  it('fails a job whose template names a column that no row has', async () => {
    const { id } = await training.create('/jobs', jobBody('definitions/latest', { promptTemplate: '{definition}' }));
    const job = await training.awaitState(`/jobs/${id}`, 'failed');
    expect(job.error.violations).toEqual([
      { field: 'inputs[0].promptTemplate', message: 'unknown column "definition"; rows have label, text' },
    ]);
  });

  it('waits for ingestion when it is down while rows are read, and says so', async () => {
    const created = training.create('/jobs', jobBody('definitions/latest', { hyperparameters: { steps: 1 } }));
    const { id } = await created;
    await training.awaitState(`/jobs/${id}`, 'succeeded');
    training.ingestion.close();
    try {
      const refused = await training.call('POST', '/jobs', jobBody('definitions/latest'));
      expect(refused).toMatchObject({ status: 503, body: { code: 'COMMON.UNAVAILABLE' } });
    } finally {
      await training.ingestion.comeBack();
    }
    await eventually(
      async () =>
        (await training.call('POST', '/jobs', jobBody('definitions/latest', { hyperparameters: { steps: 1 } }))).status === 201,
      {
        timeoutMs: 20_000,
      },
    );
  }, 60_000);

  it('gives the first answer to a repeated request id, and refuses the id for another request', async () => {
    const body = jobBody('definitions/latest', { requestId: 'r-1', hyperparameters: { steps: 1 } });
    const first = await training.create('/jobs', body);
    expect(await training.create('/jobs', body)).toEqual(first);
    const other = await training.call('POST', '/jobs', { ...body, displayName: 'other' });
    expect(other).toMatchObject({ status: 409, body: { code: 'COMMON.REQUEST_ID_REUSED' } });
  });

  it('gives the first answer also when ingestion is down by then', async () => {
    const job = jobBody('definitions/latest', { requestId: 'r-2', hyperparameters: { steps: 1 } });
    const first = await training.create('/jobs', job);
    const { id } = await training.create('/jobs', jobBody('definitions/latest', { hyperparameters: { steps: 1 } }));
    const { modelManifestDigest } = await training.awaitState(`/jobs/${id}`, 'succeeded');
    const { promptTemplate, answerTemplate } = job;
    const slices = [{ name: 'all', datasetVersion: 'definitions/latest' }];
    const evaluation = { modelManifestDigest, slices, promptTemplate, answerTemplate, requestId: 'r-3' };
    const scored = await training.create('/evaluation-jobs', evaluation);
    training.ingestion.close();
    try {
      expect(await training.call('POST', '/jobs', job)).toEqual({ status: 201, body: first });
      expect(await training.call('POST', '/evaluation-jobs', evaluation)).toEqual({ status: 201, body: scored });
      expect(await training.call('POST', '/jobs', { ...job, requestId: 'r-4' })).toMatchObject({ status: 503 });
    } finally {
      await training.ingestion.comeBack();
    }
    const later = async () => (await training.call('POST', '/jobs', { ...job, requestId: 'r-4' })).status === 201;
    await eventually(later, { timeoutMs: 20_000 });
  }, 60_000);

  it('runs one job at a time here, higher priority first, and tells the queue position', async () => {
    const blocker = await training.create(
      '/jobs',
      jobBody('definitions/latest', { hyperparameters: { steps: 300, batchSize: 16 } }),
    );
    await training.awaitState(`/jobs/${blocker.id}`, 'running');
    const low = await training.create('/jobs', jobBody('definitions/latest', { hyperparameters: { steps: 1 } }));
    const high = await training.create('/jobs', jobBody('definitions/latest', { hyperparameters: { steps: 1 }, priority: 5 }));
    await training.awaitState(`/jobs/${low.id}`, 'queued');
    await training.awaitState(`/jobs/${high.id}`, 'queued');
    expect((await training.call('GET', `/jobs/${low.id}`)).body.queuePosition).toBe(1);
    expect((await training.call('GET', `/jobs/${high.id}`)).body.queuePosition).toBe(0);
    expect((await training.call('GET', '/jobs?state=running')).body.items).toHaveLength(1);
    await training.call('POST', `/jobs/${blocker.id}/cancel`, {});
    const [first, second] = [
      await training.awaitState(`/jobs/${high.id}`, 'succeeded'),
      await training.awaitState(`/jobs/${low.id}`, 'succeeded'),
    ];
    expect(Date.parse(first.startTime)).toBeLessThan(Date.parse(second.startTime));
  }, 60_000);

  it('streams the history of a job to its end over gRPC', async () => {
    const spec = {
      ...contracts.JobSpec.fromPartial({}),
      ...jobBody('definitions/latest'),
      hyperparameters: { steps: '5' },
      inputs: [] as contracts.JobInputSpec[],
    };
    spec.inputs = [contracts.JobInputSpec.fromPartial({ datasetVersion: 'definitions/latest' })];
    const { job } = await jobs.createJob({ spec, requestId: '' }, settings());
    const seen: contracts.WatchJobResponse[] = [];
    for await (const message of jobs.watchJob({ jobId: job?.id ?? '', afterSequence: '0' }, settings())) seen.push(message);
    expect(seen.map((message) => message.event?.sequence)).toEqual(seen.map((_, index) => String(index + 1)));
    expect(seen.at(-1)).toMatchObject({ state: 'JOB_STATE_SUCCEEDED', event: { message: 'succeeded' } });
    const { job: read } = await jobs.getJob({ jobId: job?.id ?? '' }, settings());
    expect(read).toMatchObject({
      state: 'JOB_STATE_SUCCEEDED',
      spec: { hyperparameters: { steps: '5', seed: '1' } },
      baseModelDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  }, 60_000);

  it('pages through jobs newest first', async () => {
    const all = (await training.call('GET', '/jobs?pageSize=1000')).body.items.map((job: Answer) => job.id);
    const paged: string[] = [];
    for (let token = ''; ;) {
      const { body } = await training.call('GET', `/jobs?pageSize=2&pageToken=${token}`);
      paged.push(...body.items.map((job: Answer) => job.id));
      token = body.nextPageToken;
      if (token === '') break;
    }
    expect(paged).toEqual(all);
    expect(await training.call('GET', '/jobs?pageToken=nonsense')).toMatchObject({ status: 400 });
    expect(await training.call('GET', '/jobs?state=happy')).toMatchObject({ status: 400 });
  });

  it('shows nothing of one workspace in another, by any door', async () => {
    const [job] = (await training.call('GET', '/jobs?state=succeeded')).body.items;
    const other = { 'x-millrace-workspace': 'somebody-else' };
    expect((await training.call('GET', '/jobs', undefined, other)).body.items).toEqual([]);
    for (const path of [
      `/jobs/${job.id}`,
      `/jobs/${job.id}/events`,
      `/jobs/${job.id}/checkpoints`,
      `/evaluation-jobs/${job.id}`,
    ]) {
      expect((await training.call('GET', path, undefined, other)).status).toBe(404);
    }
    expect((await training.call('POST', `/jobs/${job.id}/cancel`, {}, other)).status).toBe(404);
    const foreign = { workspace: 'somebody-else', deadlineMs: 10_000 };
    await expect(jobs.getJob({ jobId: job.id }, foreign)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    await expect(jobs.cancelJob({ jobId: job.id, reason: '', requestId: '' }, foreign)).rejects.toMatchObject({
      code: 'COMMON.NOT_FOUND',
    });
    await expect(jobs.listJobEvents({ jobId: job.id, pageSize: 0, pageToken: '' }, foreign)).rejects.toMatchObject({
      code: 'COMMON.NOT_FOUND',
    });
    await expect(jobs.listCheckpoints({ jobId: job.id, pageSize: 0, pageToken: '' }, foreign)).rejects.toMatchObject({
      code: 'COMMON.NOT_FOUND',
    });
    const watch = async (): Promise<void> => {
      for await (const _ of jobs.watchJob({ jobId: job.id, afterSequence: '0' }, foreign))
        throw new Error('saw an event of another workspace');
    };
    await expect(watch()).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    const list = await jobs.listJobs(
      { state: contracts.JobState.JOB_STATE_UNSPECIFIED, pipelineRunId: '', pageSize: 0, pageToken: '' },
      foreign,
    );
    expect(list.jobs).toEqual([]);
    // A dataset version of this workspace is not readable from there either.
    expect(await training.call('POST', '/jobs', jobBody('definitions/latest'), other)).toMatchObject({ status: 400 });
  });
});
