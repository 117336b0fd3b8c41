// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { mintToken, parsePlatformKey } from '#libs/auth';
import { Clock } from '#libs/clock';
import { type EventDefinition, Events, registry, training as contracts } from '#libs/contracts';
import { defineErrors } from '#libs/errors';
import { EventPublisher } from '#libs/messaging';
import { Database, UnitOfWork } from '#libs/persistence';
import { createRpcClient } from '#libs/rpc';
import { eventually } from '#libs/testing';
import { type Answer, taskRows, TrainingFixture } from './training-fixture';

// The registry's own words; it is another process, so only the codes are shared.
const RegistryWords = defineErrors('REGISTRY', {
  EVIDENCE_MISSING: { kind: 'precondition', retry: 'never', help: 'Spec stand-in.' },
  EVIDENCE_FAILED: { kind: 'precondition', retry: 'never', help: 'Spec stand-in.' },
});

describe('pipelines', () => {
  const training = new TrainingFixture();
  const { registry: models, ingestion } = training;

  beforeAll(async () => {
    await training.start();
    ingestion.add(training.workspace, 'train', taskRows(60));
    ingestion.add(training.workspace, 'held-out', taskRows(28));
  }, 60_000);
  afterAll(() => training.stop(), 60_000);
  afterEach(() => jest.restoreAllMocks());
  beforeEach(() => {
    models.requests.length = 0;
    models.refusals.length = 0;
    models.isProtected = true;
    models.aliases.clear();
    ingestion.feedbackRows = taskRows(10);
    ingestion.feedbackRequests.length = 0;
  });

  const spec = (over: Answer = {}): Answer => ({
    registeredModelName: 'triage',
    alias: 'champion',
    baseModel: 'tiny-base',
    trainDatasets: ['train'],
    feedback: { dataset: 'corrections', weight: 0.4, rowsMin: 5 },
    promptTemplate: '{text}\nDomain:',
    answerTemplate: ' {label}',
    hyperparameters: { steps: 100, batchSize: 8, tokenDropout: 0 },
    evaluationSlices: [{ name: 'period-1', datasetVersion: 'held-out' }],
    gate: [{ slice: 'period-1', metric: 'accuracy', valueMin: 0.6, dropMax: 0.05 }],
    ...over,
  });
  const makePipeline = async (over: Answer = {}): Promise<string> => {
    const name = `loop-${randomUUID().slice(0, 8)}`;
    await training.create('/pipelines', { name, spec: spec({ registeredModelName: name, ...over }) });
    return name;
  };
  const publish = async <T>(definition: EventDefinition<T>, aggregateId: string, data: T): Promise<void> => {
    const publisher = training.service.get(EventPublisher);
    const event = { workspace: training.workspace, aggregateId, aggregateVersion: 1, data };
    await training.service.get(UnitOfWork).run((tx) => publisher.publish(tx, definition, event));
  };
  const registered = async (run: Answer, version: number): Promise<void> => {
    const { body } = await training.call('GET', `/pipeline-runs/${run.id}`);
    const data = { modelName: run.pipelineName, version, modelManifestDigest: body.modelManifestDigest, pipelineRunId: run.id };
    await publish(Events.ModelVersionRegistered, run.pipelineName, registry.ModelVersionRegistered.fromPartial(data));
  };
  const aliasMoved = (modelName: string, toVersion: number): Promise<void> =>
    publish(
      Events.AliasMoved,
      modelName,
      registry.AliasMoved.fromPartial({ modelName, alias: 'champion', toVersion, actor: 'ada', reason: 'approved' }),
    );
  const start = (pipeline: string, body: Answer = {}): Promise<Answer> => training.create(`/pipelines/${pipeline}/runs`, body);
  const reach = (run: Answer, state: string): Promise<Answer> => training.awaitState(`/pipeline-runs/${run.id}`, state, 20_000);
  const statesTold = async (runId: string): Promise<string[]> => {
    const rows = await training.service
      .get(Database)
      .query<{ payload: string }>(`select payload from outbox where aggregateid = $1 order by position`, [runId]);
    return rows.map(({ payload }) =>
      String((typeof payload === 'string' ? JSON.parse(payload) : payload).toState).replace('PIPELINE_RUN_STATE_', ''),
    );
  };

  it('walks from data to an approved alias, and tells each state once', async () => {
    const name = await makePipeline();
    const run = await start(name, { reason: 'first model' });
    expect(run).toMatchObject({ state: 'preparing', reason: 'first model', startedBy: 'local-admin' });
    await reach(run, 'registering');
    await registered(run, 1);
    const waiting = await reach(run, 'awaiting_approval');
    expect(waiting).toMatchObject({ modelVersion: 1, championVersion: 0, approvalId: `approval-of-${run.id}:gate-passed` });
    expect(waiting.gate).toMatchObject([{ passed: true, reason: expect.stringContaining('there is no champion') }]);
    expect(models.requests).toMatchObject([
      { modelName: name, alias: 'champion', version: 1, force: false, pipelineRunId: run.id },
    ]);
    await aliasMoved(name, 1);
    await reach(run, 'succeeded');
    expect(await statesTold(run.id)).toEqual([
      'PREPARING',
      'TRAINING',
      'REGISTERING',
      'EVALUATING',
      'AWAITING_APPROVAL',
      'SUCCEEDED',
    ]);
    const { body: job } = await training.call('GET', `/jobs/${waiting.jobId}`);
    expect(job).toMatchObject({ pipelineRunId: run.id, spec: { registeredModelName: name, pipelineRunId: run.id } });
  }, 90_000);

  it('learns from feedback with its weight, compares with the champion on the same rows, and is done at once where nobody must approve', async () => {
    models.isProtected = false;
    const name = await makePipeline();
    const [base] = (await training.call('GET', '/base-models')).body.items;
    models.aliases.set(`${training.workspace}/${name}@champion`, { version: 1, digest: base.manifestDigest });
    const run = await start(name, { useFeedback: true });
    await reach(run, 'registering');
    await registered(run, 2);
    const done = await reach(run, 'succeeded');
    expect(done).toMatchObject({ feedbackRows: 10, championVersion: 1, modelVersion: 2 });
    expect(ingestion.feedbackRequests).toEqual([run.id]);
    const { body: job } = await training.call('GET', `/jobs/${done.jobId}`);
    expect(job.inputs).toMatchObject([
      { role: 'train', weight: 0.6, rows: 60 },
      { role: 'feedback', weight: 0.4, rows: 10, datasetVersionId: done.feedbackDatasetVersionId },
    ]);
    expect(job.spec.inputs[1].promptTemplate).toBe('{text}');
    expect(done.gate[0].championValue).toBeLessThan(done.gate[0].value);
    expect(done.comparisons).toMatchObject([{ slice: 'period-1', rows: 28 }]);
    // The next run finds the champion's scores instead of scoring it again.
    const next = await start(name);
    await reach(next, 'registering');
    await registered(next, 3);
    expect(await reach(next, 'succeeded')).toMatchObject({ championEvaluationJobId: done.championEvaluationJobId });
  }, 120_000);

  it('stops a bad model at the gate with figures; only an approver with a reason sends it on', async () => {
    const lies = taskRows(60).map((row) => ({ ...row, label: row.label === 'animal' ? 'plant' : 'animal' }));
    const version = ingestion.add(training.workspace, 'lies', lies);
    const name = await makePipeline();
    const run = await start(name, { trainDatasetVersionIds: [version] });
    await reach(run, 'registering');
    await registered(run, 3);
    const stopped = await reach(run, 'gate_failed');
    expect(stopped.reason).toMatch(/^accuracy on period-1 is 0\.\d+, at least 0\.600 is asked$/);
    expect(models.requests).toEqual([]);
    const path = `/pipeline-runs/${run.id}/force-gate`;
    expect(await training.call('POST', path, {})).toMatchObject({ status: 400, body: { code: 'TRAINING.SPEC_INVALID' } });
    const key = parsePlatformKey('a-key-for-specs-only-with-32-bytes-or-more');
    const token = await mintToken(key, { subject: 'ed', roles: { [training.workspace]: 'editor' }, expiresInSeconds: 60 });
    const asEditor = await training.call('POST', path, { reason: 'I want to' }, { authorization: `Bearer ${token}` });
    expect(asEditor).toMatchObject({ status: 403, body: { code: 'COMMON.FORBIDDEN' } });
    expect(await training.call('POST', path, { reason: 'to show the rollback' })).toMatchObject({ status: 200 });
    await reach(run, 'awaiting_approval');
    expect(models.requests).toMatchObject([{ version: 3, force: true, reason: 'forced by local-admin: to show the rollback' }]);
    expect(await training.call('POST', path, { reason: 'again' })).toMatchObject({
      status: 412,
      body: { code: 'TRAINING.GATE_NOT_FAILED' },
    });
    const decided = {
      approvalId: 'a',
      state: registry.ApprovalState.APPROVAL_STATE_REJECTED,
      pipelineRunId: run.id,
      decidedBy: 'grace',
      reason: 'no',
    };
    await publish(Events.ApprovalDecided, 'a', registry.ApprovalDecided.fromPartial(decided));
    expect(await reach(run, 'rejected')).toMatchObject({ reason: 'the approval was rejected by grace: no' });
  }, 90_000);

  it('waits for evidence that the registry has not seen yet, and closes the gate when the registry finds it failed', async () => {
    const missing = RegistryWords.EVIDENCE_MISSING('not there yet');
    models.refusals.push(missing, missing, RegistryWords.EVIDENCE_FAILED('period-1 accuracy too low'));
    const clock = jest.spyOn(training.service.get(Clock), 'now');
    // As if a process whose clock is an hour ahead took the run over after it was asked for the first time.
    clock.mockImplementation(() => new Date(Date.now() + (models.requests.length >= 2 ? 3_600_000 : 0)));
    const run = await start(await makePipeline());
    await reach(run, 'registering');
    await registered(run, 1);
    expect(await reach(run, 'gate_failed')).toMatchObject({ reason: 'period-1 accuracy too low' });
    expect(models.requests).toHaveLength(3);
  }, 90_000);

  it('starts one run per retraining proposal when the policy says auto, none when it says manual', async () => {
    const auto = await makePipeline({ onProposal: 'auto' });
    const manual = await makePipeline({ registeredModelName: auto });
    const proposal = {
      proposalId: randomUUID(),
      modelName: auto,
      endpoint: 'e',
      modelVersion: 1,
      reasons: ['drift'],
      corrections: '9',
      createTime: new Date(),
    };
    await publish(Events.RetrainingProposed, proposal.proposalId, proposal);
    await publish(Events.RetrainingProposed, proposal.proposalId, proposal);
    const marker = { ...proposal, proposalId: randomUUID() };
    await publish(Events.RetrainingProposed, marker.proposalId, marker);
    const runsOf = async (pipeline: string): Promise<Answer[]> =>
      (await training.call('GET', `/pipeline-runs?pipeline=${pipeline}`)).body.items;
    // Both proposals of the model were handled once the second one has its run: the topic has one order per key, keys differ, so count.
    await eventually(async () => (await runsOf(auto)).length === 2);
    expect(new Set((await runsOf(auto)).map((run) => run.proposalId))).toEqual(new Set([proposal.proposalId, marker.proposalId]));
    expect((await runsOf(auto))[0]).toMatchObject({ overrides: { useFeedback: true }, startedBy: 'service:monitoring' });
    expect(await runsOf(manual)).toEqual([]);
    const again = await training.call('POST', `/pipelines/${auto}/runs`, { proposalId: proposal.proposalId });
    expect(again).toMatchObject({ status: 409, body: { code: 'TRAINING.PROPOSAL_TAKEN' } });
    for (const run of await runsOf(auto))
      await training.call('POST', `/pipeline-runs/${run.id}/cancel`, { reason: 'spec is over' });
  }, 60_000);

  it('fails with too little feedback before anything is trained, and with a job that fails', async () => {
    ingestion.feedbackRows = taskRows(3);
    const name = await makePipeline();
    const few = await reach(await start(name, { useFeedback: true }), 'failed').catch((error: Error) => error);
    expect(few).toMatchObject({ reason: expect.stringMatching(/has 3 rows, the pipeline asks for 5$/), jobId: '' });
    const faulty = ingestion.add(training.workspace, 'no-labels', [{ text: 'a dog' }]);
    const failed = await reach(await start(name, { trainDatasetVersionIds: [faulty] }), 'failed');
    expect(failed.reason).toContain('unknown column "label"');
  }, 60_000);

  it('is cancelled with its job', async () => {
    const run = await start(await makePipeline({ hyperparameters: { steps: 100_000 } }));
    const { jobId } = await reach(run, 'training');
    await training.awaitState(`/jobs/${jobId}`, 'running');
    const { body } = await training.call('POST', `/pipeline-runs/${run.id}/cancel`, { reason: 'changed my mind' });
    expect(body).toMatchObject({ state: 'cancelled', reason: 'cancelled by local-admin: changed my mind' });
    await training.awaitState(`/jobs/${jobId}`, 'cancelled');
    expect(await training.call('POST', `/pipeline-runs/${run.id}/cancel`, {})).toMatchObject({
      status: 412,
      body: { code: 'TRAINING.RUN_ENDED' },
    });
  }, 60_000);

  it('refuses a policy by field, a taken name, and an old etag', async () => {
    const bad = spec({
      alias: '',
      gate: [{ slice: 'period-9', metric: 'speed', valueMin: 2 }],
      feedback: { dataset: 'c', weight: 1 },
      onProposal: 'maybe',
      colour: 1,
    });
    const refused = await training.call('POST', '/pipelines', { name: 'bad', spec: bad });
    expect(refused.body.errors.map((fault: Answer) => fault.field).sort()).toEqual([
      'spec.alias',
      'spec.colour',
      'spec.feedback.weight',
      'spec.gate[0].metric',
      'spec.gate[0].slice',
      'spec.gate[0].valueMin',
      'spec.onProposal',
    ]);
    const name = await makePipeline();
    expect(await training.call('POST', '/pipelines', { name, spec: spec() })).toMatchObject({
      status: 409,
      body: { code: 'TRAINING.PIPELINE_EXISTS' },
    });
    const changed = await training.call('PUT', `/pipelines/${name}`, { spec: spec({ onProposal: 'ignore' }), etag: '1' });
    expect(changed).toMatchObject({ status: 200, body: { etag: '2', spec: { onProposal: 'ignore' } } });
    expect(await training.call('PUT', `/pipelines/${name}`, { spec: spec(), etag: '1' })).toMatchObject({
      status: 409,
      body: { code: 'TRAINING.ETAG_MISMATCH' },
    });
    const noFeedback = await makePipeline({ feedback: null });
    const wrong = await training.call('POST', `/pipelines/${noFeedback}/runs`, {
      useFeedback: true,
      hyperparameters: { step: 3 },
      what: 1,
    });
    expect(wrong.status).toBe(400);
  });

  it('shows nothing of one workspace in another, by any door', async () => {
    const name = await makePipeline();
    const run = await start(name);
    await training.call('POST', `/pipeline-runs/${run.id}/cancel`, {});
    const other = { 'x-millrace-workspace': 'somebody-else' };
    for (const path of ['/pipelines', '/pipeline-runs'])
      expect((await training.call('GET', path, undefined, other)).body.items).toEqual([]);
    for (const path of [`/pipelines/${name}`, `/pipeline-runs/${run.id}`, `/pipeline-runs?pipeline=${name}`]) {
      expect((await training.call('GET', path, undefined, other)).status).toBe(404);
    }
    expect((await training.call('POST', `/pipelines/${name}/runs`, {}, other)).status).toBe(404);
    expect((await training.call('PUT', `/pipelines/${name}`, { spec: spec() }, other)).status).toBe(404);
    for (const verb of ['cancel', 'force-gate']) {
      expect((await training.call('POST', `/pipeline-runs/${run.id}/${verb}`, { reason: 'x' }, other)).status).toBe(404);
    }
    const client = createRpcClient(contracts.PipelineServiceService, { address: training.service.grpcAddress, service: 'spec' });
    const foreign = { workspace: 'somebody-else', deadlineMs: 10_000 };
    const page = { pageSize: 0, pageToken: '' };
    const all = { pipeline: '', state: contracts.PipelineRunState.PIPELINE_RUN_STATE_UNSPECIFIED, proposalId: '', ...page };
    try {
      expect((await client.listPipelines(page, foreign)).pipelines).toEqual([]);
      expect((await client.listPipelineRuns(all, foreign)).pipelineRuns).toEqual([]);
      await expect(client.getPipeline({ pipeline: name }, foreign)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      await expect(client.getPipelineRun({ pipelineRunId: run.id }, foreign)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      const stop = { pipelineRunId: run.id, reason: 'x', requestId: '' };
      await expect(client.cancelPipelineRun(stop, foreign)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      await expect(client.forcePipelineGate(stop, foreign)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      const own = { workspace: training.workspace, deadlineMs: 10_000 };
      const { pipeline } = await client.getPipeline({ pipeline: name }, own);
      // A policy read over gRPC can be written back as it is.
      const { pipeline: copy } = await client.createPipeline({ name: `${name}-copy`, spec: pipeline?.spec, requestId: '' }, own);
      expect(copy?.spec).toEqual(pipeline?.spec);
      expect((await client.getPipelineRun({ pipelineRunId: run.id }, own)).pipelineRun).toMatchObject({
        state: 'PIPELINE_RUN_STATE_CANCELLED',
      });
    } finally {
      client.close();
    }
  }, 60_000);
});
