// SPDX-License-Identifier: Apache-2.0
import { registry } from '#libs/contracts';
import { createRpcClient, type RpcClient } from '#libs/rpc';
import { eventually, type TestService } from '#libs/testing';
import { Events, evaluationSucceeded, HttpCaller, jobSucceeded, publish, startRegistry, tokenFor } from './harness';

jest.setTimeout(30_000);

const DIGEST = '9'.repeat(64);
const SECRET = 'only-of-team-a';

// Everything that team-a has is named SECRET; nothing that team-b can read may hold that word or any of team-a's ids.
describe('workspaces', () => {
  let service: TestService;
  let a: HttpCaller;
  let b: HttpCaller;
  let models: RpcClient<typeof registry.ModelServiceService>;
  let experiments: RpcClient<typeof registry.ExperimentServiceService>;
  let runId: string;
  let experimentId: string;
  let approvalId: string;

  beforeAll(async () => {
    service = await startRegistry();
    const http = new HttpCaller(service.baseUrl);
    a = http.as({ workspace: 'team-a' });
    b = http.as({ workspace: 'team-b' });
    models = createRpcClient(registry.ModelServiceService, { address: service.grpcAddress, service: 'spec' });
    experiments = createRpcClient(registry.ExperimentServiceService, { address: service.grpcAddress, service: 'spec' });
    const workspace = 'team-a';
    const job = jobSucceeded({
      registeredModelName: SECRET,
      experimentName: SECRET,
      displayName: SECRET,
      modelManifestDigest: DIGEST,
    });
    runId = job.jobId.replaceAll('-', '');
    await publish(service, Events.JobSucceeded, { workspace, aggregateId: job.jobId, data: job });
    const evaluation = evaluationSucceeded(DIGEST, 0.9, SECRET);
    await publish(service, Events.EvaluationSucceeded, { workspace, aggregateId: evaluation.evaluationJobId, data: evaluation });
    await eventually(async () => (await a.get(`/api/v1/models/${SECRET}/versions/1`)).body.evaluations?.length === 1);
    experimentId = (await a.mlflow('GET', `experiments/get-by-name?experiment_name=${SECRET}`)).body.experiment.experiment_id;
    await a.call('POST', `/api/v1/models/${SECRET}/aliases/free/moves`, { version: 1, reason: SECRET });
    await a.call('PUT', `/api/v1/models/${SECRET}/aliases/champion/policy`, { approvalsRequired: 1 });
    const asked = await a.call('POST', `/api/v1/models/${SECRET}/aliases/champion/moves`, { version: 1, reason: SECRET });
    approvalId = asked.body.approval.id;
  }, 60_000);
  afterAll(async () => {
    models.close();
    experiments.close();
    await service.close();
  });

  const httpReads = (): string[] => [
    '/',
    '/api/v1/models',
    `/api/v1/models/${SECRET}`,
    `/api/v1/models/${SECRET}/versions`,
    `/api/v1/models/${SECRET}/versions/1`,
    `/api/v1/models/${SECRET}/aliases/free`,
    `/api/v1/models/${SECRET}/aliases/free/history`,
    `/api/v1/models/${SECRET}/alias-policies`,
    '/api/v1/approvals',
    `/api/v1/approvals/${approvalId}`,
    '/api/v1/audit',
    '/api/2.0/mlflow/experiments/search?max_results=100&view_type=ALL',
    `/api/2.0/mlflow/experiments/get?experiment_id=${experimentId}`,
    `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${SECRET}`,
    `/api/2.0/mlflow/runs/get?run_id=${runId}`,
    `/api/2.0/mlflow/metrics/get-history?run_id=${runId}&metric_key=train_loss`,
    `/api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids=${runId}&metric_key=train_loss`,
    '/api/2.0/mlflow/registered-models/search',
    `/api/2.0/mlflow/registered-models/get?name=${SECRET}`,
    `/api/2.0/mlflow/registered-models/get-latest-versions?name=${SECRET}`,
    `/api/2.0/mlflow/registered-models/alias?name=${SECRET}&alias=free`,
    '/api/2.0/mlflow/model-versions/search',
    `/api/2.0/mlflow/model-versions/get?name=${SECRET}&version=1`,
    `/api/2.0/mlflow/model-versions/get-download-uri?name=${SECRET}&version=1`,
  ];

  it('shows team-b nothing of team-a through any HTTP read', async () => {
    for (const path of httpReads()) {
      const own = await a.get(path);
      const other = await b.get(path);
      // What the caller asked for may be repeated in "not found"; content may not.
      const text = JSON.stringify(
        other.status === 200 ? other.body : { ...other.body, message: '', detail: '', instance: '', details: '' },
      );
      expect([path, own.status]).toEqual([path, 200]);
      expect([path, text.includes(SECRET), text.includes(runId), text.includes(DIGEST)]).toEqual([path, false, false, false]);
    }
    const runs = await b.mlflow('POST', 'runs/search', { experiment_ids: ['0', experimentId] });
    expect(runs.body).toEqual({});
    expect((await a.mlflow('POST', 'runs/search', { experiment_ids: [experimentId] })).body.runs).toHaveLength(1);
  });

  it('shows team-b nothing of team-a through any RPC', async () => {
    const page = { pageSize: 0, pageToken: '' };
    const of = (workspace: string) => ({ workspace, deadlineMs: 10_000 });
    const lists = (workspace: string): Promise<unknown>[] => [
      models.listRegisteredModels(page, of(workspace)).then((answer) => answer.models),
      models
        .listApprovals({ ...page, modelName: '', state: registry.ApprovalState.APPROVAL_STATE_UNSPECIFIED }, of(workspace))
        .then((answer) => answer.approvals),
      models.listAuditEntries({ ...page, subject: '' }, of(workspace)).then((answer) => answer.entries),
      experiments
        .searchRuns({ ...page, experimentIds: [experimentId], filter: '', orderBy: [] }, of(workspace))
        .then((answer) => answer.runs),
      experiments.listMetricHistory({ ...page, runId, key: 'train_loss' }, of(workspace)).then((answer) => answer.metrics),
      experiments.listExperiments({ ...page, filter: `name = '${SECRET}'` }, of(workspace)).then((answer) => answer.experiments),
    ];
    for (const own of await Promise.all(lists('team-a'))) expect(own).not.toEqual([]);
    for (const other of await Promise.all(lists('team-b'))) expect(JSON.stringify(other)).toBe('[]');
    const gets = (workspace: string): (() => Promise<unknown>)[] => [
      () => models.getRegisteredModel({ name: SECRET }, of(workspace)),
      () => models.getModelVersion({ modelName: SECRET, version: 1 }, of(workspace)),
      () => models.resolveAlias({ modelName: SECRET, alias: 'free' }, of(workspace)),
      () => models.listModelVersions({ ...page, modelName: SECRET }, of(workspace)),
      () => models.getApproval({ approvalId }, of(workspace)),
      () => experiments.getRun({ runId }, of(workspace)),
      () => experiments.getExperiment({ experimentId }, of(workspace)),
    ];
    for (const get of gets('team-a')) await get();
    for (const get of gets('team-b')) await expect(get()).rejects.toMatchObject({ kind: 'not-found' });
    expect((await models.verifyAudit({}, of('team-b'))).entries).toBe('0');
  });

  it('lets team-b change nothing of team-a, whatever its role', async () => {
    const bob = b.as({ token: await tokenFor('bob@example.org', 'admin', 'team-b') });
    const attempts: [string, string, unknown][] = [
      ['POST', `/api/v1/approvals/${approvalId}/decision`, { approve: true }],
      ['POST', `/api/v1/models/${SECRET}/aliases/free/moves`, { version: 1, reason: 'mine' }],
      ['POST', '/api/2.0/mlflow/runs/set-tag', { run_id: runId, key: 'k', value: 'v' }],
      ['POST', '/api/2.0/mlflow/runs/delete', { run_id: runId }],
      ['POST', '/api/2.0/mlflow/experiments/delete', { experiment_id: experimentId }],
      ['POST', '/api/2.0/mlflow/registered-models/rename', { name: SECRET, new_name: 'stolen' }],
      ['POST', '/api/2.0/mlflow/model-versions/create', { name: 'b', source: `models:/${SECRET}/1` }],
      ['DELETE', '/api/2.0/mlflow/model-versions/delete', { name: SECRET, version: '1' }],
      ['DELETE', '/api/2.0/mlflow/registered-models/delete', { name: SECRET }],
    ];
    for (const [method, path, body] of attempts) expect([path, (await bob.call(method, path, body)).status]).toEqual([path, 404]);
    // With a token of team-b in team-a's workspace: refused before anything is looked up.
    const intruder = bob.as({ workspace: 'team-a' });
    expect((await intruder.get(`/api/v1/models/${SECRET}`)).status).toBe(403);
    expect((await intruder.mlflow('GET', `runs/get?run_id=${runId}`)).body.error_code).toBe('PERMISSION_DENIED');
    expect((await a.get(`/api/v1/approvals/${approvalId}`)).body.state).toBe('APPROVAL_STATE_PENDING');
  });

  it('gives each workspace its own experiment ids, version numbers and audit chain', async () => {
    expect((await b.mlflow('POST', 'experiments/create', { name: 'first' })).body.experiment_id).toBe('1');
    await b.mlflow('POST', 'registered-models/create', { name: SECRET });
    expect(
      (await b.mlflow('POST', 'model-versions/create', { name: SECRET, source: 's3://b/x' })).body.model_version.version,
    ).toBe('1');
    expect((await b.get('/api/v1/audit')).body.items[0].sequence).toBe(1);
    expect((await b.call('POST', '/api/v1/audit/verify')).body.intact).toBe(true);
    expect((await new HttpCaller(service.baseUrl).get(`/w/team-b/api/v1/models/${SECRET}`)).status).toBe(200);
  });
});
