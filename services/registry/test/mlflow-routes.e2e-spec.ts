// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { useRegistry } from './harness';

describe('MLflow routes', () => {
  const registry = useRegistry();

  const newRun = async (body: Record<string, unknown> = {}): Promise<string> => {
    const answer = await registry.http.mlflow('POST', 'runs/create', { experiment_id: '0', start_time: 1, ...body });
    expect(answer.status).toBe(200);
    return answer.body.run.info.run_id;
  };

  it('answers /health and /version as MLflow does, and 404 in its shape under both prefixes', async () => {
    expect(await registry.http.get('/health')).toEqual({ status: 200, body: 'OK' });
    expect((await registry.http.get('/version')).body).toMatch(/^\d+\.\d+\.\d+$/);
    for (const prefix of ['/api', '/ajax-api']) {
      const answer = await registry.http.get(`${prefix}/2.0/mlflow/logged-models/search`);
      expect(answer).toMatchObject({ status: 404, body: { error_code: 'ENDPOINT_NOT_FOUND' } });
    }
    expect((await registry.http.get('/ajax-api/2.0/mlflow/experiments/get?experiment_id=0')).body.experiment.name).toBe(
      'Default',
    );
  });

  it('pages through a metric whose times are nanoseconds, as some clients log them', async () => {
    const made = await registry.http.mlflow('POST', 'runs/create', { experiment_id: '0' });
    const run_id = made.body.run.info.run_id as string;
    const metrics = [1, 2, 3].map((value) => ({ key: 'loss', value, timestamp: `179546100000000${value}000`, step: value }));
    expect((await registry.http.mlflow('POST', 'runs/log-batch', { run_id, metrics })).status).toBe(200);
    const values: number[] = [];
    for (let token = ''; ;) {
      const path = `metrics/get-history?run_id=${run_id}&metric_key=loss&max_results=1&page_token=${token}`;
      const { status, body } = await registry.http.mlflow('GET', path);
      if (status !== 200) throw new Error(JSON.stringify(body));
      values.push(...body.metrics.map((metric: { value: number }) => metric.value));
      token = body.next_page_token ?? '';
      if (token === '') break;
    }
    expect(values).toEqual([1, 2, 3]);
  });

  it('keeps experiments: create, read, search, rename, delete, restore, tags', async () => {
    const created = await registry.http.mlflow('POST', 'experiments/create', { name: 'e1', tags: [{ key: 'a', value: 'b' }] });
    const id = created.body.experiment_id;
    expect((await registry.http.mlflow('GET', `experiments/get?experiment_id=${id}`)).body.experiment).toMatchObject({
      experiment_id: id,
      name: 'e1',
      artifact_location: `mlflow-artifacts:/${id}`,
      lifecycle_stage: 'active',
      tags: [{ key: 'a', value: 'b' }],
      workspace: 'default',
    });
    expect(await registry.http.mlflow('POST', 'experiments/create', { name: 'e1' })).toEqual({
      status: 400,
      body: { error_code: 'RESOURCE_ALREADY_EXISTS', message: 'Experiment(name=e1) already exists.' },
    });
    expect((await registry.http.mlflow('GET', 'experiments/get?experiment_id=99')).body).toEqual({
      error_code: 'RESOURCE_DOES_NOT_EXIST',
      message: 'No Experiment with id=99 exists',
    });
    await registry.http.mlflow('POST', 'experiments/update', { experiment_id: id, new_name: 'e2' });
    await registry.http.mlflow('POST', 'experiments/set-experiment-tag', { experiment_id: id, key: 'note', value: '' });
    await registry.http.mlflow('POST', 'experiments/delete-experiment-tag', { experiment_id: id, key: 'a' });
    const byTag = await registry.http.mlflow('POST', 'experiments/search', {
      max_results: 5,
      filter: "tags.note = '' AND name ILIKE 'E%'",
    });
    expect(byTag.body.experiments.map((one: { name: string }) => one.name)).toEqual(['e2']);
    await registry.http.mlflow('POST', 'experiments/delete', { experiment_id: id });
    const active = await registry.http.mlflow('GET', 'experiments/search?max_results=10&view_type=ACTIVE_ONLY');
    expect(active.body.experiments.map((one: { name: string }) => one.name)).toEqual(['Default']);
    expect((await registry.http.mlflow('POST', 'runs/create', { experiment_id: id })).body.message).toBe(
      `The experiment ${id} must be in the 'active' state. Current state is deleted.`,
    );
    await registry.http.mlflow('POST', 'experiments/restore', { experiment_id: id });
    expect((await registry.http.mlflow('GET', 'experiments/get-by-name?experiment_name=e2')).status).toBe(200);
  });

  it('names wrong and missing parameters in the words of the stock server', async () => {
    const docs = ' See the API docs for more information about request parameters.';
    const refused = async (path: string, body: unknown): Promise<string> => {
      const answer = await registry.http.mlflow('POST', path, body);
      expect(answer).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } });
      return answer.body.message;
    };
    expect(await refused('experiments/create', { name: 123 })).toBe(
      `Invalid value 123 for parameter 'name' supplied:  Hint: Value was of type 'int'.${docs}`,
    );
    expect(await refused('experiments/create', { name: null })).toBe(`Missing value for required parameter 'name'.${docs}`);
    expect(await refused('experiments/search', {})).toBe(
      `Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer`,
    );
    const runId = await newRun();
    expect(await refused('runs/log-metric', { run_id: runId, key: 'm' })).toBe(
      `Missing value for required parameter 'value'.${docs}`,
    );
    expect(await refused('runs/log-batch', { run_id: runId, metrics: [{ key: 'm', value: 1 }] })).toBe(
      `Missing value for required parameter 'metrics[0].timestamp'.${docs}`,
    );
    expect(await refused('runs/search', { experiment_ids: ['0'], max_results: 1_000_000 })).toContain('Invalid value 1000000');
    expect(await refused('runs/search', { experiment_ids: ['0'], filter: "metrics.k = 1 OR params.x = 'a'" })).toBe(
      "Invalid clause(s) in filter string: 'OR'",
    );
    expect(await refused('runs/search', { experiment_ids: ['0'], page_token: '!!' })).toContain('Invalid page token');
    expect(await refused('runs/set-tag', { run_id: runId, key: '../x', value: '1' })).toContain('would resolve to');
    const params = Array.from({ length: 101 }, (_, index) => ({ key: `p${index}`, value: '1' }));
    expect(await refused('runs/log-batch', { run_id: runId, params })).toContain('at most 100 params. Got 101 params.');
    // Long values are cut, as the stock server does.
    expect(
      (await registry.http.mlflow('POST', 'runs/log-parameter', { run_id: runId, key: 'long', value: 'x'.repeat(6001) })).status,
    ).toBe(200);
    const { params: kept } = (await registry.http.mlflow('GET', `runs/get?run_id=${runId}`)).body.run.data;
    expect(kept).toEqual([{ key: 'long', value: 'x'.repeat(6000) }]);
  });

  it('refuses names that no index could hold, and searches that would keep the database thinking', async () => {
    // Without a pattern, so that nothing makes it shorter.
    const long = randomBytes(5000).toString('hex');
    const refused = async (path: string, body: object): Promise<string> => {
      const answer = await registry.http.mlflow('POST', path, body);
      expect([answer.status, answer.body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE']);
      return answer.body.message;
    };
    expect(await refused('registered-models/create', { name: long })).toContain("'name' exceeds");
    await registry.http.mlflow('POST', 'registered-models/create', { name: 'short' });
    expect(await refused('registered-models/rename', { name: 'short', new_name: long })).toContain("'new_name' exceeds");
    const version = { name: 'short', source: 's3://bucket/model', run_id: long };
    expect(await refused('model-versions/create', version)).toContain("'run_id' exceeds");
    const filter = Array(70_000).fill("run_id = 'b'").join(' AND ');
    expect(await refused('runs/search', { experiment_ids: ['0'], filter })).toContain('characters');
  });

  it('keeps runs: NaN and infinities, latest values, params that never change, last tag wins', async () => {
    const runId = await newRun({ run_name: 'first', tags: [{ key: 'mlflow.user', value: 'ann' }] });
    const metric = (key: string, value: unknown, timestamp: number, step: number) => ({ key, value, timestamp, step });
    await registry.http.mlflow('POST', 'runs/log-batch', {
      run_id: runId,
      metrics: [
        metric('loss', 3, 10, 1),
        metric('loss', 1, 20, 2),
        metric('loss', 2, 15, 2),
        metric('nan', 'NaN', 1, 0),
        metric('up', 'Infinity', 1, 0),
        metric('down', '-Infinity', 1, 0),
      ],
      params: [{ key: 'p', value: 'v' }],
      tags: [
        { key: 't', value: '1' },
        { key: 't', value: '2' },
      ],
    });
    await registry.http.mlflow('POST', 'runs/log-metric', { run_id: runId, key: 'loss', value: 9, timestamp: 99, step: 0 });
    const { run } = (await registry.http.mlflow('GET', `runs/get?run_id=${runId}`)).body;
    const latest = Object.fromEntries(run.data.metrics.map((one: { key: string; value: unknown }) => [one.key, one.value]));
    expect(latest).toEqual({ loss: 1, nan: 'NaN', up: Number.MAX_VALUE, down: -Number.MAX_VALUE });
    expect(run.data.tags).toEqual(
      expect.arrayContaining([
        { key: 't', value: '2' },
        { key: 'mlflow.runName', value: 'first' },
      ]),
    );
    const history = await registry.http.mlflow('GET', `metrics/get-history?run_id=${runId}&metric_key=loss`);
    expect(history.body.metrics.map((one: { value: number }) => one.value)).toEqual([3, 2, 1, 9]);
    expect((await registry.http.mlflow('GET', 'metrics/get-history?run_id=nope&metric_key=k')).body).toEqual({});
    const sample = await registry.http.mlflow(
      'GET',
      `metrics/get-history-bulk-interval?run_ids=${runId}&metric_key=loss&max_results=2`,
    );
    expect(sample.body.metrics.map((one: { step: number }) => one.step)).toEqual([0, 2]);
    expect((await registry.http.mlflow('POST', 'runs/log-parameter', { run_id: runId, key: 'p', value: 'v' })).status).toBe(200);
    expect((await registry.http.mlflow('POST', 'runs/log-parameter', { run_id: runId, key: 'p', value: 'w' })).body.message).toBe(
      `Changing param values is not allowed. Param with key='p' was already logged with value='v' for run ID='${runId}'. Attempted logging new value 'w'.`,
    );
    // All or nothing: the refused batch left no trace.
    await registry.http.mlflow('POST', 'runs/log-batch', {
      run_id: runId,
      params: [
        { key: 'p', value: 'w' },
        { key: 'q', value: '1' },
      ],
    });
    expect((await registry.http.mlflow('GET', `runs/get?run_id=${runId}`)).body.run.data.params).toEqual([
      { key: 'p', value: 'v' },
    ]);
    const updated = await registry.http.mlflow('POST', 'runs/update', {
      run_id: runId,
      status: 'FINISHED',
      end_time: 5,
      run_name: 'renamed',
    });
    expect(updated.body.run_info).toMatchObject({ status: 'FINISHED', end_time: 5, run_name: 'renamed', run_uuid: runId });
    expect((await registry.http.mlflow('POST', 'runs/delete-tag', { run_id: runId, key: 'x' })).body.message).toBe(
      `No tag with name: x in run with id ${runId}`,
    );
    await registry.http.mlflow('POST', 'runs/delete', { run_id: runId });
    expect((await registry.http.mlflow('POST', 'runs/set-tag', { run_id: runId, key: 'x', value: 'y' })).body.message).toBe(
      `The run ${runId} must be in the 'active' state. Current state is deleted.`,
    );
    await registry.http.mlflow('POST', 'runs/restore', { run_id: runId });
    expect((await registry.http.mlflow('GET', 'runs/get?run_id=nope')).body.message).toBe('Run with id=nope not found');
  });

  it('searches runs by metric, param, tag, attribute and dataset, in any order, page by page', async () => {
    const experiment = (await registry.http.mlflow('POST', 'experiments/create', { name: 'search' })).body.experiment_id;
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      const runId = await newRun({
        experiment_id: experiment,
        start_time: 1000 + Math.floor(index / 2),
        run_name: `run-${index}`,
      });
      const value = index === 6 ? 'NaN' : index / 10;
      const metrics = index === 5 ? [] : [{ key: 'acc', value, timestamp: 1, step: 0 }];
      await registry.http.mlflow('POST', 'runs/log-batch', {
        run_id: runId,
        metrics,
        params: [{ key: 'odd key', value: String(index % 2) }],
      });
      ids.push(runId);
    }
    await registry.http.mlflow('POST', 'runs/log-inputs', {
      run_id: ids[0],
      datasets: [
        {
          tags: [{ key: 'mlflow.data.context', value: 'train' }],
          dataset: { name: 'rows', digest: 'd1', source_type: 'local', source: 's' },
        },
      ],
    });
    const names = async (body: Record<string, unknown>): Promise<string[]> => {
      const found = await registry.http.mlflow('POST', 'runs/search', { experiment_ids: [experiment], ...body });
      expect(found).toMatchObject({ status: 200 });
      return (found.body.runs ?? []).map((run: { info: { run_name: string } }) => run.info.run_name);
    };
    expect(await names({ filter: 'metrics.acc >= 0.3' })).toEqual(expect.arrayContaining(['run-3', 'run-4']));
    expect(await names({ filter: 'metrics.acc >= 0.3' })).toHaveLength(2);
    expect(await names({ filter: 'metrics.acc != 0.1' })).toHaveLength(5);
    expect(await names({ filter: "params.`odd key` = '1' AND attributes.run_name LIKE 'run-_'" })).toHaveLength(3);
    expect(await names({ filter: "tags.none IS NULL AND status = 'RUNNING'" })).toHaveLength(7);
    expect(await names({ filter: `run_id IN ('${ids[1]}', '${ids[2]}')` })).toHaveLength(2);
    expect(await names({ filter: "datasets.context = 'train' AND dataset.name ILIKE 'ROWS'" })).toEqual(['run-0']);
    expect(await names({ filter: 'start_time > 1002.5' })).toEqual(['run-6']);
    expect(await names({ order_by: ['metrics.acc DESC'] })).toEqual([
      'run-4',
      'run-3',
      'run-2',
      'run-1',
      'run-0',
      'run-6',
      'run-5',
    ]);
    const walked: string[] = [];
    let token: string | undefined;
    do {
      const page = await registry.http.mlflow('POST', 'runs/search', {
        experiment_ids: [experiment],
        order_by: ['metrics.acc ASC', 'attributes.start_time DESC'],
        max_results: 2,
        page_token: token,
      });
      walked.push(...page.body.runs.map((run: { info: { run_name: string } }) => run.info.run_name));
      token = page.body.next_page_token;
    } while (token);
    expect(walked).toEqual(['run-0', 'run-1', 'run-2', 'run-3', 'run-4', 'run-6', 'run-5']);
    expect(await names({})).toHaveLength(7);
  });
});
