// SPDX-License-Identifier: Apache-2.0
import { registry, training } from '#libs/contracts';
import { newId } from '#libs/clock';
import { createRpcClient, type RpcClient } from '#libs/rpc';
import { eventually, type TestService } from '#libs/testing';
import { Events, HttpCaller, jobSucceeded, outboxOf, publish, publishEvaluation, startRegistry } from './harness';

jest.setTimeout(30_000);

const call = { workspace: 'default', deadlineMs: 10_000 };

describe('training results', () => {
  let service: TestService;
  let http: HttpCaller;
  let models: RpcClient<typeof registry.ModelServiceService>;
  let experiments: RpcClient<typeof registry.ExperimentServiceService>;

  beforeAll(async () => {
    service = await startRegistry();
    http = new HttpCaller(service.baseUrl);
    models = createRpcClient(registry.ModelServiceService, { address: service.grpcAddress, service: 'spec' });
    experiments = createRpcClient(registry.ExperimentServiceService, { address: service.grpcAddress, service: 'spec' });
  }, 60_000);
  afterAll(async () => {
    models.close();
    experiments.close();
    await service.close();
  });

  it('records a job as run and version with lineage, once, with its curve before it ends', async () => {
    const job = jobSucceeded({ registeredModelName: 'lineage', modelManifestDigest: '1'.repeat(64), pipelineRunId: 'pr-1' });
    const { jobId } = job;
    await publish(service, Events.JobQueued, {
      aggregateId: jobId,
      data: { jobId, displayName: 'nightly', registeredModelName: 'lineage', pipelineRunId: 'pr-1' },
    });
    await publish(service, Events.JobStarted, {
      aggregateId: jobId,
      data: { jobId, attempt: 1, executor: 'child', resumedFromStep: '0' },
    });
    for (const [step, loss] of [
      [10, 2.5],
      [20, 1.5],
    ] as const) {
      const data = { jobId, attempt: 1, step: String(step), stepsTotal: '1200', loss, learningRate: 0.1, tokensPerSecond: 5 };
      await publish(service, Events.JobProgressed, { aggregateId: jobId, data });
    }
    const runId = jobId.replaceAll('-', '');
    const curve = await eventually(async () => {
      const { metrics } = await experiments.listMetricHistory({ runId, key: 'loss', pageSize: 0, pageToken: '' }, call);
      return metrics.length === 2 ? metrics : false;
    });
    expect(curve.map(({ step, value }) => [step, value])).toEqual([
      ['10', 2.5],
      ['20', 1.5],
    ]);
    expect((await experiments.getRun({ runId }, call)).run).toMatchObject({
      status: registry.RunStatus.RUN_STATUS_RUNNING,
      name: 'nightly',
    });

    // Evidence may come before the version.
    await publishEvaluation(service, '1'.repeat(64), 0.7);
    await publish(service, Events.JobSucceeded, { aggregateId: jobId, data: job });
    // The same fact again, as another event: a relay of an older outbox, or an operator's replay.
    await publish(service, Events.JobSucceeded, { aggregateId: jobId, data: job });
    await publish(service, Events.JobSucceeded, { aggregateId: 'x', data: jobSucceeded({ registeredModelName: 'marker' }) });
    await eventually(async () => (await http.get('/api/v1/models/marker/versions')).body.items.length === 1);
    const { versions } = await models.listModelVersions({ modelName: 'lineage', pageSize: 0, pageToken: '' }, call);
    expect(versions).toHaveLength(1);
    expect(versions[0]).toMatchObject({
      version: 1,
      runId,
      lineage: {
        jobId,
        baseModelName: 'tiny-base',
        seed: '7',
        inputs: [`train:dv-1:${'b'.repeat(64)}`],
        recipeRunId: 'recipe-run-1',
      },
      evaluations: [{ slice: 'period-1', metric: 'accuracy', value: 0.7, rows: '700', baselines: { majority: 0.2 } }],
    });
    const run = (await http.mlflow('GET', `runs/get?run_id=${runId}`)).body.run;
    expect(run.info).toMatchObject({ status: 'FINISHED', run_name: 'glossary triage', user_id: 'ann@example.org' });
    expect(run.data.params).toEqual(
      expect.arrayContaining([
        { key: 'steps', value: '1200' },
        { key: 'seed', value: '7' },
      ]),
    );
    expect(run.data.metrics).toEqual(expect.arrayContaining([expect.objectContaining({ key: 'period-1.accuracy', value: 0.7 })]));
    expect(run.inputs.dataset_inputs[0].dataset).toMatchObject({ name: 'dv-1', digest: 'b'.repeat(36) });
    const registered = (await outboxOf(service, Events.ModelVersionRegistered.type)).filter(
      ({ payload }) => payload['modelName'] === 'lineage',
    );
    expect(registered.map(({ payload }) => payload)).toEqual([
      expect.objectContaining({ version: 1, jobId, pipelineRunId: 'pr-1' }),
    ]);
  });

  // Found by this suite: two jobs that are the first of an experiment both tried to make it, and one was put aside.
  it('records racing jobs of a new experiment, all of them', async () => {
    const jobs = Array.from({ length: 8 }, () =>
      jobSucceeded({ registeredModelName: 'racing-jobs', experimentName: 'racing-experiment' }),
    );
    await Promise.all(jobs.map((data) => publish(service, Events.JobSucceeded, { aggregateId: data.jobId, data })));
    const versions = await eventually(async () => {
      const answer = await http.get('/api/v1/models/racing-jobs/versions');
      return answer.body.items?.length === jobs.length && answer.body.items;
    });
    expect(versions.map((one: { version: number }) => one.version)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
  });

  it('leaves a run that has ended as it is when an older event of its job comes late, as a replayed letter does', async () => {
    const job = jobSucceeded({ registeredModelName: 'late-start' });
    const { jobId } = job;
    const aggregateId = jobId;
    const failed = { jobId, attempts: 1, failureClass: training.FailureClass.FAILURE_CLASS_OUT_OF_MEMORY, pipelineRunId: '' };
    await publish(service, Events.JobSucceeded, { aggregateId, data: job });
    await publish(service, Events.JobStarted, {
      aggregateId,
      data: { jobId, attempt: 1, executor: 'child', resumedFromStep: '0' },
    });
    await publish(service, Events.JobFailed, {
      aggregateId,
      data: { ...failed, code: 'TRAINING.OOM', message: 'out of memory' },
    });
    await publish(service, Events.JobCancelled, {
      aggregateId,
      data: training.JobCancelled.fromPartial({ jobId, cancelledBy: 'ann@example.org' }),
    });
    // Its curve is still welcome, and tells that those before it were handled.
    const data = { jobId, attempt: 1, step: '10', stepsTotal: '1200', loss: 2.5, learningRate: 0.1, tokensPerSecond: 5 };
    await publish(service, Events.JobProgressed, { aggregateId, data });
    const runId = jobId.replaceAll('-', '');
    await eventually(async () => {
      const { metrics } = await experiments.listMetricHistory({ runId, key: 'loss', pageSize: 0, pageToken: '' }, call);
      return metrics.length === 1;
    });
    const { run } = (await http.mlflow('GET', `runs/get?run_id=${runId}`)).body;
    const [startTime, endTime] = [job.startTime, job.endTime].map((time) => time?.getTime());
    expect(run.info).toMatchObject({ status: 'FINISHED', start_time: startTime, end_time: endTime });
    expect(run.data.tags.filter(({ key }: { key: string }) => /failure|cancelled/.test(key))).toEqual([]);
  });

  it('marks the run of a failed job, whatever came before', async () => {
    const jobId = newId();
    await publish(service, Events.JobFailed, {
      aggregateId: jobId,
      data: {
        jobId,
        attempts: 3,
        failureClass: training.FailureClass.FAILURE_CLASS_OUT_OF_MEMORY,
        code: 'TRAINING.OOM',
        message: 'out of memory',
        pipelineRunId: '',
      },
    });
    const run = await eventually(async () => {
      const answer = await http.mlflow('GET', `runs/get?run_id=${jobId.replaceAll('-', '')}`);
      return answer.status === 200 && answer.body.run;
    });
    expect(run.info.status).toBe('FAILED');
    expect(run.data.tags).toEqual(expect.arrayContaining([{ key: 'millrace.failure_code', value: 'TRAINING.OOM' }]));
  });
});
