// SPDX-License-Identifier: Apache-2.0
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import OpenAI from 'openai';
import { Agent, fetch, type RequestInit, type Response } from 'undici';
import { dataprep, gateway, ingestion, monitoring, registry, training } from '#libs/contracts';
import { eventually } from '#libs/testing';
import { BuiltProgram, LaunchedPlatform } from '../support/launched-platform';
import { grpcPort, httpPort, type ProcessName } from '../../deploy/local/processes';

/** Doors to lists, by process: what anybody would try first. Each is a GET for viewers, or for the role that it names. */
const httpDoors: Record<ProcessName, string[]> = {
  gateway: ['endpoints', 'rollouts', 'deployments', 'inference-events/dropped', 'api-keys'].map(api),
  ingestion: ['datasets', 'uploads', 'dataset-versions/x', 'dataset-versions/x/rows', 'dataset-versions/x/export'].map(api),
  'data-prep': ['profiles', 'recipes', 'recipe-runs', 'profiles/x/report.html', 'recipe-runs/x/ledger'].map(api),
  training: ['jobs', 'evaluation-jobs', 'pipelines', 'pipeline-runs', 'base-models'].map(api),
  registry: [
    ...['models', 'approvals', 'audit'].map(api),
    '/',
    '/ui',
    '/api/2.0/mlflow/experiments/search?max_results=5',
    '/api/2.0/mlflow/registered-models/search',
    '/api/2.0/mlflow/runs/get?run_id=x',
  ],
  monitoring: [
    ...['feedback', 'inferences', 'rollups', 'raters', 'metrics', 'monitors', 'alerts', 'rollouts', 'verdicts'].map(api),
    ...['proposals', 'webhooks', 'webhook-deliveries'].map(api),
  ],
  runtime: ['/api/v1/models', '/v1/models', '/v1/models/x'],
};

/** Doors that write, with a body that their handler would look at. */
const writingDoors: [ProcessName, string, string][] = [
  ['gateway', 'POST', api('endpoints')],
  ['gateway', 'DELETE', api('endpoints/x')],
  ['gateway', 'POST', api('api-keys')],
  ['ingestion', 'POST', api('datasets')],
  ['ingestion', 'POST', api('datasets/x/versions')],
  ['ingestion', 'DELETE', api('dataset-versions/x')],
  ['data-prep', 'POST', api('recipes')],
  ['data-prep', 'POST', api('recipe-runs')],
  ['training', 'POST', api('jobs')],
  ['training', 'POST', api('pipelines')],
  ['registry', 'POST', api('models')],
  ['registry', 'POST', api('approvals/x/decision')],
  ['registry', 'POST', api('models/x/aliases/champion/moves')],
  ['registry', 'POST', '/api/2.0/mlflow/experiments/create'],
  ['monitoring', 'POST', api('monitors')],
  ['monitoring', 'POST', api('webhooks')],
  ['monitoring', 'POST', api('raters/x/release')],
  ['runtime', 'PUT', '/api/v1/models/x'],
  ['runtime', 'DELETE', '/api/v1/models/x'],
];

const grpcServices: Record<Exclude<ProcessName, 'runtime'>, object[]> = {
  gateway: [gateway.EndpointServiceService, gateway.RolloutServiceService, gateway.ApiKeyServiceService],
  ingestion: [ingestion.DatasetServiceService],
  'data-prep': [dataprep.ProfileServiceService, dataprep.RecipeServiceService],
  training: [training.JobServiceService, training.EvaluationJobServiceService, training.PipelineServiceService],
  registry: [registry.ModelServiceService, registry.ExperimentServiceService],
  monitoring: [
    monitoring.FeedbackServiceService,
    monitoring.MonitorServiceService,
    monitoring.VerdictServiceService,
    monitoring.ProposalServiceService,
  ],
};

function api(path: string): string {
  return `/api/v1/${path}`;
}

describe('the platform with MILLRACE_AUTH=on', () => {
  const agent = new Agent();
  let platform: LaunchedPlatform;
  let viewer: string;
  let admin: string;
  let stranger: string;

  beforeAll(async () => {
    platform = await LaunchedPlatform.start([], { MILLRACE_AUTH: 'on' });
    [viewer, admin, stranger] = await Promise.all([
      tokenBy('--role', 'viewer'),
      tokenBy('--role', 'admin'),
      tokenBy('--role', 'admin', '--workspace', 'elsewhere'),
    ]);
  }, 120_000);

  afterAll(async () => {
    // Kept-alive connections would outlive the platform.
    await agent.destroy();
    await platform?.stop();
  }, 40_000);

  /** A token as people make it: with the program behind `npm run token`. */
  async function tokenBy(...args: string[]): Promise<string> {
    const all = ['--subject', 'ana@example.org', '--home', platform.home, ...args];
    const program = new BuiltProgram('deploy/scripts/token.js', all);
    expect({ code: await program.ended, output: program.output }).toMatchObject({ code: 0 });
    return program.output.trim();
  }

  function http(name: ProcessName, path: string, token?: string, init: RequestInit = {}): Promise<Response> {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(init.headers as Record<string, string> | undefined),
    };
    return fetch(`http://127.0.0.1:${httpPort(platform.portBase, name)}${path}`, { ...init, headers, dispatcher: agent });
  }

  async function statusesOf(token: string | undefined): Promise<Record<string, number>> {
    const doors = Object.entries(httpDoors).flatMap(([name, paths]) => paths.map((path) => [name, path] as const));
    const answers = await Promise.all(
      doors.map(async ([name, path]) => {
        const answer = await http(name as ProcessName, path, token);
        await answer.arrayBuffer();
        return [`${name} ${path}`, answer.status] as const;
      }),
    );
    return Object.fromEntries(answers);
  }

  const except = (found: Record<string, number>, wanted: number) => Object.entries(found).filter(([, code]) => code !== wanted);

  it('refuses callers without a token, and with a wrong one, at every HTTP door', async () => {
    expect(except(await statusesOf(undefined), 401)).toEqual([]);
    const [header, payload] = admin.split('.');
    expect(except(await statusesOf(`${header}.${payload}.${'A'.repeat(43)}`), 401)).toEqual([]);
  });

  it('refuses people of another workspace at every HTTP door', async () => {
    expect(except(await statusesOf(stranger), 403)).toEqual([]);
  });

  it('lets an admin of the workspace in at every HTTP door', async () => {
    const found = Object.entries(await statusesOf(admin));
    const placeholder = found.filter(([door]) => /\/x(\/|$)|run_id=x/.test(door));
    expect(placeholder.filter(([, code]) => code === 401 || code === 403 || code >= 500)).toEqual([]);
    expect(found.filter((each) => !placeholder.includes(each)).filter(([, code]) => code !== 200)).toEqual([]);
  });

  it('lets viewers read but not write', async () => {
    const written = await Promise.all(
      writingDoors.map(async ([name, method, path]) => {
        const body = method === 'DELETE' ? {} : { body: '{}', headers: { 'content-type': 'application/json' } };
        const answer = await http(name, path, viewer, { method, ...body });
        await answer.arrayBuffer();
        return [`${name} ${method} ${path}`, answer.status] as const;
      }),
    );
    expect(written.filter(([, code]) => code !== 403)).toEqual([]);
    const adminOnly = ['gateway /api/v1/api-keys'];
    const read = Object.entries(await statusesOf(viewer)).filter(([, code]) => code === 401 || code === 403);
    expect(read.map(([door]) => door).filter((door) => !adminOnly.includes(door))).toEqual([]);
  });

  it('leaves health, metrics and version open: probes and scrapers carry no token', async () => {
    for (const name of Object.keys(httpDoors) as ProcessName[]) {
      for (const path of ['/health/live', '/health/ready', '/metrics', '/version']) {
        expect([name, path, (await http(name, path)).status]).toEqual([name, path, 200]);
      }
    }
  });

  it('refuses the same callers at every gRPC method, streams too', async () => {
    const found: string[] = [];
    let methods = 0;
    for (const [name, services] of Object.entries(grpcServices)) {
      const client = new Client(`127.0.0.1:${grpcPort(platform.portBase, name as ProcessName)}`, credentials.createInsecure());
      try {
        for (const method of services.flatMap((service) => Object.values(service) as Method[])) {
          methods += 1;
          const [none, foreign] = [await codeOf(client, method), await codeOf(client, method, stranger)];
          if (none !== status.UNAUTHENTICATED || foreign !== status.PERMISSION_DENIED)
            found.push(`${method.path}: ${status[none]} without a token, ${status[foreign]} with a foreign one`);
        }
      } finally {
        client.close();
      }
    }
    expect(found).toEqual([]);
    expect(methods).toBeGreaterThan(80);
  }, 60_000);

  it('refuses writes of viewers over gRPC', async () => {
    const found: string[] = [];
    for (const [name, services] of Object.entries(grpcServices)) {
      const client = new Client(`127.0.0.1:${grpcPort(platform.portBase, name as ProcessName)}`, credentials.createInsecure());
      try {
        const writing = services
          .flatMap((service) => Object.values(service) as Method[])
          .filter(({ path }) =>
            /\/(Create|Update|Delete|Upload|Start|Cancel|Promote|Roll|Revoke|Build|Register|Move|Decide|Set|Force)/.test(path),
          );
        for (const method of writing) {
          const code = await codeOf(client, method, viewer);
          if (code !== status.PERMISSION_DENIED) found.push(`${method.path}: ${status[code]}`);
        }
      } finally {
        client.close();
      }
    }
    expect(found).toEqual([]);
  }, 60_000);

  it('profiles an upload: services show each other their own tokens', async () => {
    const upload = await http('ingestion', `${api('datasets/kept/versions')}?format=jsonl&columns=text:string`, admin, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{"text":"a furry animal"}\n{"text":"a sweet fruit"}\n',
    });
    expect(upload.status).toBe(201);
    const { id } = (await upload.json()) as { id: string };
    const report = await eventually(
      async () => {
        const answer = await http('data-prep', api('profiles'), viewer);
        const { items } = (await answer.json()) as { items: { datasetVersionId: string; state: string; reportPath: string }[] };
        return items.find((one) => one.datasetVersionId === id && /succeeded/i.test(one.state)) ?? false;
      },
      { timeoutMs: 30_000 },
    );
    expect((await http('data-prep', report.reportPath, viewer)).status).toBe(200);
  }, 60_000);

  it('serves the OpenAI routes to API keys, of this platform only', async () => {
    const created = await http('gateway', api('api-keys'), admin, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"shop"}',
    });
    const { id, secret } = (await created.json()) as { id: string; secret: string };
    expect(secret).toMatch(/^sk-mr-/);
    const baseURL = `http://127.0.0.1:${httpPort(platform.portBase, 'gateway')}/v1`;
    const ask = (apiKey: string) =>
      new OpenAI({ baseURL, apiKey, maxRetries: 0, defaultHeaders: { connection: 'close' } }).models.list();
    const wrong = (error: unknown) => error instanceof OpenAI.AuthenticationError && error.code === 'invalid_api_key';
    await eventually(async () => (await ask(secret)).object === 'list', { timeoutMs: 10_000 });
    for (const key of [`${secret}x`, 'sk-other', 'unused']) {
      expect(wrong(await ask(key).catch((error: unknown) => error))).toBe(true);
    }
    expect((await http('gateway', api(`api-keys/${id}`), admin, { method: 'DELETE' })).status).toBe(200);
    await eventually(async () => wrong(await ask(secret).catch((error: unknown) => error)), { timeoutMs: 10_000 });
  }, 60_000);

  it('resolves an endpoint through the registry with a token of the gateway', async () => {
    const created = await http('gateway', api('endpoints'), admin, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'shop', modelUri: 'models:/nothing@champion' }),
    });
    expect(created.status).toBe(201);
    // A refused question would read "the registry did not answer".
    await eventually(
      async () => {
        const { problem } = (await (await http('gateway', api('endpoints/shop'), viewer)).json()) as { problem: string };
        expect(problem).toBe('models:/nothing@champion does not exist yet');
      },
      { timeoutMs: 10_000 },
    );
  }, 20_000);
});

interface Method {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
}

/** Status of a call with an empty request. */
function codeOf(client: Client, method: Method, token?: string): Promise<status> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const empty = (): Buffer => Buffer.alloc(0);
  const same = (bytes: Buffer): Buffer => bytes;
  const options = { deadline: Date.now() + 10_000 };
  return new Promise((resolve) => {
    const ended = (error: ServiceError | null): void => resolve(error?.code ?? status.OK);
    if (method.responseStream) {
      const stream = client.makeServerStreamRequest(method.path, empty, same, undefined, metadata, options);
      stream
        .on('error', ended)
        .on('end', () => ended(null))
        .resume();
    } else if (method.requestStream) {
      client.makeClientStreamRequest(method.path, empty, same, metadata, options, ended).end();
    } else {
      client.makeUnaryRequest(method.path, empty, same, undefined, metadata, options, ended);
    }
  });
}
