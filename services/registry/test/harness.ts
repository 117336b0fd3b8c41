// SPDX-License-Identifier: Apache-2.0
import { mintToken, parsePlatformKey, type Role } from '#libs/auth';
import { Events, training } from '#libs/contracts';
import type { EventDefinition } from '#libs/contracts';
import { newId } from '#libs/clock';
import { EventPublisher } from '#libs/messaging';
import { Database, UnitOfWork } from '#libs/persistence';
import { eventually, startTestService, type TestService } from '#libs/testing';
import { AppModule } from '../src/app.module';
import { RegistrySettings } from '../src/config';
import { migrations } from '../src/migrations';

export const SIGNING_KEY = 'a-key-for-specs-only-with-32-bytes-or-more';

/** The registry on databases of its own. */
export function startRegistry(env: Record<string, string> = {}): Promise<TestService> {
  return startTestService({
    service: 'registry',
    settings: RegistrySettings,
    module: (settings) => AppModule.forRoot(settings),
    migrations,
    env: { AUTH_SIGNING_KEY: SIGNING_KEY, ...env },
  });
}

export interface Answer {
  status: number;
  // Whatever the door answered: specs look into it by name.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

export interface CallOptions {
  workspace?: string;
  token?: string;
}

/** JSON over HTTP against a running registry. */
export class HttpCaller {
  constructor(
    private readonly baseUrl: string,
    private readonly options: CallOptions = {},
  ) {}

  as(options: CallOptions): HttpCaller {
    return new HttpCaller(this.baseUrl, { ...this.options, ...options });
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const { workspace, token } = this.options;
    const response = await fetch(this.baseUrl + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(workspace ? { 'x-millrace-workspace': workspace } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: json ? JSON.parse(text) : text };
  }

  get(path: string): Promise<Answer> {
    return this.call('GET', path);
  }

  /** An MLflow call: the path after `/api/2.0/mlflow/`. */
  mlflow(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
    return this.call(method, `/api/2.0/mlflow/${path}`, body);
  }
}

/** A token as `npm run token` makes it. */
export function tokenFor(subject: string, role: Role, workspace = 'default'): Promise<string> {
  return mintToken(parsePlatformKey(SIGNING_KEY), { subject, roles: { [workspace]: role }, expiresInSeconds: 600 });
}

/** Puts an event on its topic, as its owner would: through an outbox, the relay and the broker. */
export function publish<T>(
  service: TestService,
  definition: EventDefinition<T>,
  event: { aggregateId: string; data: T; workspace?: string; id?: string },
): Promise<string> {
  return service
    .get(UnitOfWork)
    .run((tx) => service.get(EventPublisher).publish(tx, definition, { workspace: 'default', aggregateVersion: 1, ...event }));
}

/** A job that made a model; fields as a trainer would fill them. */
export function jobSucceeded(change: Partial<training.JobSucceeded> = {}): training.JobSucceeded {
  return {
    jobId: newId(),
    displayName: 'glossary triage',
    attempts: 1,
    registeredModelName: 'glossary',
    experimentName: 'glossary-experiment',
    modelManifestDigest: 'a'.repeat(64),
    inputs: [{ datasetVersionId: 'dv-1', contentDigest: 'b'.repeat(64), role: 'train', weight: 1 }],
    recipeRunId: 'recipe-run-1',
    baseModelName: 'tiny-base',
    baseModelDigest: 'c'.repeat(64),
    seed: '7',
    codeVersion: 'build-1',
    trainer: 'tiny-lm',
    hyperparameters: { steps: '1200', learningRate: '0.003' },
    metrics: { train_loss: 0.25 },
    steps: '1200',
    tokens: '100000',
    durationSeconds: 30.5,
    pipelineRunId: '',
    submittedBy: 'ann@example.org',
    startTime: new Date('2026-11-23T10:00:00Z'),
    endTime: new Date('2026-11-23T10:01:00Z'),
    ...change,
  };
}

/** Accuracy of a model on one slice. */
export function evaluationSucceeded(manifestDigest: string, accuracy: number, slice = 'period-1'): training.EvaluationSucceeded {
  return {
    evaluationJobId: newId(),
    modelManifestDigest: manifestDigest,
    registeredModelName: 'glossary',
    results: [
      {
        slice,
        datasetVersionId: 'dv-9',
        contentDigest: 'd'.repeat(64),
        metric: 'accuracy',
        value: accuracy,
        low: accuracy - 0.03,
        high: accuracy + 0.03,
        confidence: 0.95,
        rows: '700',
        baselines: { majority: 0.2 },
      },
    ],
    scorerVersion: 'exact-match-1',
    pipelineRunId: '',
    endTime: new Date(),
  };
}

/** Lets an evaluation job report, and waits until the registry has it. */
export async function publishEvaluation(service: TestService, manifestDigest: string, accuracy: number): Promise<void> {
  const data = evaluationSucceeded(manifestDigest, accuracy);
  await publish(service, Events.EvaluationSucceeded, { aggregateId: data.evaluationJobId, data });
  await eventually(async () => {
    const sql = 'SELECT 1 FROM evaluations WHERE evaluation_job_id = $1';
    return (await service.get(Database).query(sql, [data.evaluationJobId])).length > 0;
  });
}

/** Facts of one type that the registry told, oldest first. */
export async function outboxOf(service: TestService, type: string): Promise<{ payload: Record<string, unknown> }[]> {
  const sql = 'SELECT payload FROM outbox WHERE type = $1 ORDER BY position';
  const rows = await service.get(Database).query<{ payload: string }>(sql, [type]);
  return rows.map((row) => ({ payload: JSON.parse(row.payload) as Record<string, unknown> }));
}

export { Events };

/** A registry for all tests of a describe, and its HTTP door. */
export function useRegistry(): { readonly service: TestService; readonly http: HttpCaller } {
  let service: TestService;
  beforeAll(async () => {
    service = await startRegistry();
  }, 60_000);
  afterAll(() => service.close());
  return {
    get service() {
      return service;
    },
    get http() {
      return new HttpCaller(service.baseUrl);
    },
  };
}
