// SPDX-License-Identifier: Apache-2.0
import { registry } from '#libs/contracts';
import { Database, UnitOfWork } from '#libs/persistence';
import { createRpcClient, type RpcClient } from '#libs/rpc';
import { AuditLog } from '../src/audit/audit.repository';
import { type HttpCaller, useRegistry } from './harness';

jest.setTimeout(60_000);

const ITEMS = 24;
const names = Array.from({ length: ITEMS }, (_, index) => `long-${String(index).padStart(2, '0')}`);
const MIB = 1024 * 1024;
/** Of two bytes each; every row has two such texts. */
const TEXT_CHARACTERS = 180_000;
const callAs = { workspace: 'default', deadlineMs: 20_000 };

type Experiments = RpcClient<typeof registry.ExperimentServiceService>;
type Models = RpcClient<typeof registry.ModelServiceService>;
interface Page {
  keys: string[];
  token: string;
  bytes: number;
}

// A page may have thousands of rows, and a row megabytes: a dataset's schema and profile, or tags.
describe('the registry with long texts', () => {
  const service = useRegistry();
  let experiments: Experiments;
  let models: Models;

  beforeAll(async () => {
    const { http } = service;
    await http.mlflow('POST', 'registered-models/create', { name: 'versioned' });
    const runs: string[] = [];
    for (const name of names) {
      await http.mlflow('POST', 'experiments/create', { name });
      runs.push((await http.mlflow('POST', 'runs/create', { experiment_id: '0', run_name: name })).body.run.info.run_id);
      await http.mlflow('POST', 'registered-models/create', { name });
      // The long texts of such a model are those of its version.
      await http.mlflow('POST', 'model-versions/create', { name, source: 's3://bucket/model' });
      await http.mlflow('POST', 'model-versions/create', { name: 'versioned', source: `s3://bucket/${name}`, description: name });
    }
    const db = service.service.get(Database);
    const long = `repeat('é', ${TEXT_CHARACTERS})`;
    const tags = `(values ('a', ${long}), ('b', ${long})) as t (key, value)`;
    await db.query(`insert into run_tags (workspace, run_id, key, value) select 'default', id, key, value from runs, ${tags}`);
    await db.query(
      `insert into run_inputs (workspace, run_id, name, digest, source_type, source, profile)
       select 'default', id, 'data', 'd', 'local', 's', ${long} from runs where id = any($1)`,
      [runs.slice(0, 6)],
    );
    await db.query(
      `insert into experiment_tags select 'default', e.id, key, value from experiments e, ${tags} where e.name <> 'Default'`,
    );
    await db.query(
      `insert into model_version_tags select 'default', model_name, version, key, value from model_versions, ${tags}`,
    );
    const options = { address: service.service.grpcAddress, service: 'spec' };
    experiments = createRpcClient(registry.ExperimentServiceService, options);
    models = createRpcClient(registry.ModelServiceService, options);
  });
  afterAll(() => {
    experiments.close();
    models.close();
  });

  /* eslint-disable @typescript-eslint/no-explicit-any -- answers in MLflow's words are looked into by name */
  const search =
    (path: string, field: string, nameOf: (item: any) => string, body?: object) =>
    async (token: string): Promise<Page> => {
      const http: HttpCaller = service.http;
      const query = `${path}?max_results=500${token === '' ? '' : `&page_token=${encodeURIComponent(token)}`}`;
      const answer = body ? await http.mlflow('POST', path, { ...body, page_token: token }) : await http.mlflow('GET', query);
      expect(answer.status).toBe(200);
      return {
        keys: answer.body[field].map(nameOf),
        token: answer.body.next_page_token ?? '',
        bytes: Buffer.byteLength(JSON.stringify(answer.body)),
      };
    };
  const list =
    (ask: (pageToken: string) => Promise<any>, field: string, nameOf: (item: any) => string) =>
    async (pageToken: string): Promise<Page> => {
      const answer = await ask(pageToken);
      return { keys: answer[field].map(nameOf), token: answer.nextPageToken, bytes: 0 };
    };
  const runName = (run: any): string => run.info.run_name;
  const name = (item: any): string => item.name;
  const runSearch = { experiment_ids: ['0'], max_results: 50_000 };
  const doors: [string, (token: string) => Promise<Page>][] = [
    ['runs', search('runs/search', 'runs', runName, runSearch)],
    ['runs by a long tag', search('runs/search', 'runs', runName, { ...runSearch, order_by: ['tags.a', 'params.x'] })],
    ['experiments', search('experiments/search', 'experiments', name)],
    ['registered models', search('registered-models/search', 'registered_models', name)],
    ['model versions', search('model-versions/search', 'model_versions', ({ description, name: of }) => description || of)],
    [
      'runs over gRPC',
      list(
        (pageToken) =>
          experiments.searchRuns({ experimentIds: ['0'], pageSize: 1000, pageToken, filter: '', orderBy: [] }, callAs),
        'runs',
        name,
      ),
    ],
    [
      'experiments over gRPC',
      list((pageToken) => experiments.listExperiments({ pageSize: 1000, pageToken, filter: '' }, callAs), 'experiments', name),
    ],
    [
      'registered models over gRPC',
      list((pageToken) => models.listRegisteredModels({ pageSize: 1000, pageToken }, callAs), 'models', name),
    ],
    [
      'model versions over gRPC',
      list(
        (pageToken) => models.listModelVersions({ modelName: 'versioned', pageSize: 1000, pageToken }, callAs),
        'versions',
        ({ version }) => names[version - 1],
      ),
    ],
  ];
  /* eslint-enable @typescript-eslint/no-explicit-any */

  it.each(doors)('cuts a search to pages that a client can take, with the token of the rest: %s', async (_door, read) => {
    const pages: Page[] = [];
    do pages.push(await read(pages.at(-1)?.token ?? ''));
    while (pages.at(-1)?.token !== '');
    expect(Math.max(...pages.map(({ bytes }) => bytes))).toBeLessThan(9 * MIB);
    expect(pages.length).toBeGreaterThan(1);
    const found = pages.flatMap(({ keys }) => keys).filter((key) => key.startsWith('long-'));
    expect([...new Set(found)].sort()).toEqual(names);
  });

  it('gives a row that is larger than a page alone, and goes on behind it', async () => {
    const db = service.service.get(Database);
    await db.query(`update run_inputs set schema = repeat('x', ${9 * MIB})`);
    const pages: Page[] = [];
    do pages.push(await doors[0][1](pages.at(-1)?.token ?? ''));
    while (pages.at(-1)?.token !== '');
    expect(pages.flatMap(({ keys }) => keys).sort()).toEqual(names);
    expect(pages.filter(({ bytes }) => bytes > 9 * MIB).map(({ keys }) => keys.length)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('reads the audit and checks its chain a few megabytes at a time', async () => {
    const audit = service.service.get(AuditLog);
    const caller = { workspace: 'described', actor: 'ann' };
    const append = (index: number) =>
      service.service
        .get(UnitOfWork)
        .run((tx) =>
          audit.append(tx, caller, { action: 'model.described', subject: `models:/${index}`, after: 'x'.repeat(MIB) }),
        );
    for (let index = 1; index <= 10; index += 1) await append(index);
    const sequences: string[] = [];
    for (let pageToken = ''; ;) {
      const page = await models.listAuditEntries(
        { subject: '', pageSize: 1000, pageToken },
        { ...callAs, workspace: 'described' },
      );
      sequences.push(...page.entries.map(({ sequence }) => sequence));
      if ((pageToken = page.nextPageToken) === '') break;
    }
    expect(sequences).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
    const read = jest.spyOn(audit, 'list');
    const verdict = await models.verifyAudit({}, { ...callAs, workspace: 'described' });
    expect(verdict).toEqual({ intact: true, entries: '10', brokenSequence: '0' });
    const together = await Promise.all(read.mock.results.map(async ({ value }) => JSON.stringify(await value).length));
    expect(Math.max(...together)).toBeLessThan(4 * MIB);
  });

  it('gives the history of a metric in pages, also to who does not ask for them', async () => {
    const run_id = (await service.http.mlflow('POST', 'runs/create', { experiment_id: '0' })).body.run.info.run_id;
    await service.service.get(Database).query(
      `insert into run_metrics (workspace, run_id, key, step, timestamp_ms, value)
       select 'default', $1, 'loss', n, n, n from generate_series(1, 60000) n`,
      [run_id],
    );
    const path = `metrics/get-history?run_id=${run_id}&metric_key=loss`;
    const { body: first } = await service.http.mlflow('GET', path);
    const { body: rest } = await service.http.mlflow('GET', `${path}&max_results=1000000&page_token=${first.next_page_token}`);
    expect([first.metrics.length, rest.metrics.length, rest.next_page_token]).toEqual([50_000, 10_000, undefined]);
    expect(rest.metrics[0].value).toBe(50_001);
  });
});
