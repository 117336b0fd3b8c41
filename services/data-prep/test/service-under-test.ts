// SPDX-License-Identifier: Apache-2.0
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { Database, UnitOfWork } from '#libs/persistence';
import { eventually, startTestService, type TestService } from '#libs/testing';
import { plantedDocuments } from '../bench/planted-documents';
import { AppModule } from '../src/app.module';
import { DataPrepSettings } from '../src/config';
import { migrations } from '../src/migrations';
import { FakeIngestion } from './fake-ingestion';

// Answers of the HTTP door are checked by the expectations, field by field.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = Record<string, any>;

export const RECIPE = `name: glossary
steps:
  - redact_pii: {}
  - filter: words(text) >= 3
  - exact_dedup: { fields: [text] }
  - near_dedup: { threshold: 0.7 }
  - split: { outputs: { train: 0.7, test: 0.3 }, seed: s }
`;

const { texts } = plantedDocuments({ documents: 300, words: 40, copyShare: 0.3, editShareMax: 0.08, seed: 4 });

/** 303 rows: planted near-copies, one with an address (r300), one too short (r301), one exact copy of the first (r302). */
export const ROWS = [
  ...texts.map((text, i) => ({ text, label: i % 3 === 0 ? 'animal' : 'plant', score: i })),
  { text: 'write to ada@example.org today', label: 'person', score: 1 },
  { text: 'short', label: 'person', score: 2 },
  { text: texts[0], label: 'animal', score: 3 },
];

/** data-prep in this process, on a database of its own, with an ingestion in memory behind real gRPC. */
export class ServiceUnderTest {
  readonly ingestion = new FakeIngestion();
  service: TestService;

  async start(env: Record<string, string> = {}): Promise<void> {
    await this.ingestion.start();
    this.service = await startTestService({
      service: 'data-prep',
      settings: DataPrepSettings,
      module: (settings) => AppModule.forRoot(settings),
      migrations,
      env: {
        INGESTION_GRPC: this.ingestion.address,
        JOB_LEASE_SECONDS: '1',
        JOB_POLL_MILLISECONDS: '50',
        RECIPE_ROWS_MAX: '5000',
        PREVIEW_ROWS_MAX: '200',
        ...env,
      },
    });
  }

  async stop(): Promise<void> {
    await this.service?.close();
    this.ingestion.stop();
  }

  get database(): Database {
    return this.service.get(Database);
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    workspace = 'default',
  ): Promise<{ status: number; body: Json; text: string }> {
    const response = await fetch(`${this.service.baseUrl}${path}`, {
      method,
      headers: { 'x-millrace-workspace': workspace, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    return { status: response.status, body: isJson ? (JSON.parse(text) as Json) : {}, text };
  }

  /** Tells data-prep that a version was committed, as ingestion would. */
  commit(version: { id: string; datasetName: string }, workspace = 'default'): Promise<string> {
    return this.service.get(UnitOfWork).run((tx) =>
      this.service.get(EventPublisher).publish(tx, Events.DatasetVersionCommitted, {
        workspace,
        aggregateId: version.id,
        aggregateVersion: 1,
        data: Events.DatasetVersionCommitted.fromJSON({ versionId: version.id, datasetName: version.datasetName, version: 1 }),
      }),
    );
  }

  profileOf(versionId: string): Promise<Json> {
    return this.ended(`/api/v1/profiles/${versionId}`);
  }

  endOf(runId: string): Promise<Json> {
    return this.ended(`/api/v1/recipe-runs/${runId}`);
  }

  /** Payloads of the events of one type and aggregate. */
  async published(type: string, aggregateId: string): Promise<Json[]> {
    const sql = 'select payload from outbox where type = $1 and aggregateid = $2';
    const events = await this.database.query<{ payload: string }>(sql, [type, aggregateId]);
    return events.map(({ payload }) => JSON.parse(payload) as Json);
  }

  /** What the database sees of a worker that was killed: a lease that nobody renews, taken over by the next claim. */
  async loseWorker(): Promise<void> {
    await this.database.query("update jobs set lease_until = now() - interval '1 second', fence = fence + 1");
  }

  private ended(path: string): Promise<Json> {
    return eventually(async () => {
      const { body } = await this.ask('GET', path);
      return ['succeeded', 'failed', 'cancelled'].includes(body.state as string) ? body : false;
    });
  }
}
