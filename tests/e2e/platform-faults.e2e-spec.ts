// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitoring, training } from '#libs/contracts';
import { removeEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import type { AppError } from '#libs/errors';
import { eventually } from '#libs/testing';
import { openClients, type Clients } from '../../deploy/demo/clients';
import { serviceNames, type ServiceName } from '../../deploy/local/processes';
import { LaunchedPlatform } from '../support/launched-platform';
import { processesBelow } from '../support/process-tree';

jest.setTimeout(180_000);

/** One list door per service, over HTTP. */
const httpDoors: Record<ServiceName, string> = {
  gateway: '/api/v1/endpoints',
  ingestion: '/api/v1/datasets',
  'data-prep': '/api/v1/profiles',
  training: '/api/v1/jobs',
  registry: '/api/v1/approvals',
  monitoring: '/api/v1/feedback',
};

const page = { pageSize: 10, pageToken: '' };
const call = { workspace: 'default', deadlineMs: 30_000 };

/** The same over gRPC. */
const rpcDoors: Record<ServiceName, (clients: Clients) => Promise<unknown>> = {
  gateway: (clients) => clients.endpoints.listEndpoints(page, call),
  ingestion: (clients) => clients.datasets.listDatasets(page, call),
  'data-prep': (clients) => clients.profiles.listProfiles({ ...page, datasetName: '' }, call),
  training: (clients) =>
    clients.jobs.listJobs({ ...page, state: training.JobState.JOB_STATE_UNSPECIFIED, pipelineRunId: '' }, call),
  registry: (clients) => clients.models.listRegisteredModels(page, call),
  monitoring: (clients) =>
    clients.feedback.listFeedback(
      { ...page, inferenceId: '', raterHash: '', modelName: '', state: monitoring.FeedbackState.FEEDBACK_STATE_UNSPECIFIED },
      call,
    ),
};

describe('a platform whose Postgres goes away and comes back', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-faults-spec-'));
  let server: EmbeddedPostgres;
  let platform: LaunchedPlatform;
  let clients: Clients;
  let started: number[];

  const upload = async (dataset: string): Promise<string> => {
    const response = await fetch(`${platform.http('ingestion')}/api/v1/datasets/${dataset}/versions?format=jsonl`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{"text":"a tall oak"}\n{"text":"a small dog"}\n',
    });
    if (response.status !== 201) throw new Error(`upload: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { id: string }).id;
  };
  const rowsOf = async (versionId: string): Promise<number> => {
    const response = await fetch(`${platform.http('ingestion')}/api/v1/dataset-versions/${versionId}/rows`);
    return ((await response.json()) as { items: unknown[] }).items.length;
  };
  const submitFeedback = (inferenceId: string, index: number): Promise<Response> =>
    fetch(`${platform.http('monitoring')}/api/v1/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        id: `${inferenceId}-${index}`,
        target: { kind: 'inference', id: inferenceId },
        metric: 'correct',
        value: true,
        rater: { id: `rater-${index}`, kind: 'human_end_user' },
      }),
    });
  const feedbackCount = async (inferenceId: string): Promise<number> => {
    const response = await fetch(`${platform.http('monitoring')}/api/v1/feedback?inferenceId=${inferenceId}&pageSize=1000`);
    return ((await response.json()) as { items: unknown[] }).items.length;
  };
  const profileOf = async (versionId: string): Promise<boolean> => {
    const response = await fetch(`${platform.http('data-prep')}/api/v1/profiles?pageSize=100`);
    const { items } = (await response.json()) as { items: { datasetVersionId: string; state: string }[] };
    return items.some((profile) => profile.datasetVersionId === versionId && profile.state === 'succeeded');
  };
  const allReady = async (): Promise<void> => {
    for (const name of serviceNames) expect((await fetch(`${platform.http(name)}/health/ready`)).status).toBe(200);
  };
  /** Each HTTP and gRPC door refuses within the bound, in a way that says "later"; the process itself stays alive. */
  const expectDoorsRefuse = async (expected: { statuses: number[]; kinds: string[]; withinMs: number }): Promise<void> => {
    await Promise.all(
      serviceNames.map(async (name) => {
        const startedAt = performance.now();
        const response = await fetch(`${platform.http(name)}${httpDoors[name]}`);
        const body = (await response.json()) as { code: string; detail: string };
        expect(expected.statuses).toContain(response.status);
        expect(body.code).toMatch(/^PERSISTENCE\./);
        expect(body.detail.length).toBeGreaterThan(10);
        const failure = await rpcDoors[name](clients).then(
          () => 'answered',
          (error: unknown) => error as AppError,
        );
        expect(failure).toMatchObject({ code: expect.stringMatching(/^PERSISTENCE\./) as string, retry: 'later' });
        expect(expected.kinds).toContain((failure as AppError).kind);
        expect(performance.now() - startedAt).toBeLessThan(expected.withinMs);
        await eventually(async () => (await fetch(`${platform.http(name)}/health/ready`)).status === 503);
        expect((await fetch(`${platform.http(name)}/health/live`)).status).toBe(200);
        // In rotation all the same: taken out, its callers would get a refused connection instead of the answers above.
        expect((await fetch(`${platform.http(name)}/health/serving`)).status).toBe(200);
      }),
    );
  };
  const servicePids = (): number[] =>
    processesBelow(platform.program.pid)
      .filter(({ command }) => command.includes('/services/'))
      .map(({ pid }) => pid)
      .sort();

  beforeAll(async () => {
    chmodSync(directory, 0o755);
    server = await startEmbeddedPostgres({ directory });
    platform = await LaunchedPlatform.start([], { DATABASE_URL: server.url() });
    clients = openClients(platform.portBase, '');
    started = servicePids();
  });
  afterAll(async () => {
    clients.close();
    await platform.stop();
    await server.stop();
    removeEmbeddedPostgres(directory);
  });

  it('crashed: doors say 503 and UNAVAILABLE, all recover without a restart, nothing acknowledged is lost or doubled', async () => {
    const before = await upload('before');
    const refusals = new Set<number>();
    const control = { acknowledged: 0, stop: false };
    // A client that repeats a refused feedback under the same id until it is taken, all through the outage.
    const writer = (async () => {
      for (let index = 0; !control.stop; index += 1) {
        await eventually(
          async () => {
            const response = await submitFeedback('crash', index);
            await response.arrayBuffer();
            if (response.status !== 201) refusals.add(response.status);
            return response.status === 201;
          },
          { timeoutMs: 90_000 },
        );
        control.acknowledged += 1;
      }
    })();
    await eventually(() => control.acknowledged >= 20);
    const last = await upload('last-before-the-crash');
    const { port } = server;
    await server.stop({ mode: 'immediate' });
    await expectDoorsRefuse({ statuses: [503], kinds: ['unavailable'], withinMs: 10_000 });
    await expect(upload('while-away')).rejects.toThrow('503');
    const acknowledgedBefore = control.acknowledged;
    server = await startEmbeddedPostgres({ directory, port });
    await eventually(allReady, { timeoutMs: 40_000, intervalMs: 200 });
    await eventually(() => control.acknowledged >= acknowledgedBefore + 20);
    control.stop = true;
    await writer;
    expect([...refusals]).toEqual([503]);
    expect(await feedbackCount('crash')).toBe(control.acknowledged);
    const after = await upload('after');
    for (const version of [before, last, after]) expect(await rowsOf(version)).toBe(2);
    for (const version of [before, last, after])
      await eventually(() => profileOf(version), { timeoutMs: 40_000, intervalMs: 200 });
    expect(servicePids()).toEqual(started);
  });

  it('frozen: doors answer in bounded time, and go on when it thaws, without a restart', async () => {
    const before = await upload('before-the-frost');
    const frozen = [server.pid, ...processesBelow(server.pid).map(({ pid }) => pid)];
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    try {
      // The statement under way ends by its time limit (504); who gets no connection is refused (503).
      await expectDoorsRefuse({ statuses: [503, 504], kinds: ['unavailable', 'deadline'], withinMs: 35_000 });
    } finally {
      for (const pid of frozen) process.kill(pid, 'SIGCONT');
    }
    await eventually(allReady, { timeoutMs: 40_000, intervalMs: 200 });
    expect(await rowsOf(before)).toBe(2);
    expect(await rowsOf(await upload('after-the-frost'))).toBe(2);
    expect(servicePids()).toEqual(started);
  });
});
