// SPDX-License-Identifier: Apache-2.0
import { useRegistry } from './harness';

describe('MLflow registry routes', () => {
  const registry = useRegistry();

  const newRun = async (body: Record<string, unknown> = {}): Promise<string> => {
    const answer = await registry.http.mlflow('POST', 'runs/create', { experiment_id: '0', start_time: 1, ...body });
    expect(answer.status).toBe(200);
    return answer.body.run.info.run_id;
  };

  it('registers models and versions: racing numbers are given once each, copies keep their place', async () => {
    await registry.http.mlflow('POST', 'registered-models/create', { name: 'm1', tags: [{ key: 'a', value: '' }] });
    expect((await registry.http.mlflow('POST', 'registered-models/create', { name: 'm1' })).body.message).toBe(
      'Registered Model (name=m1) already exists.',
    );
    const racing = await Promise.all(
      Array.from({ length: 12 }, () =>
        registry.http.mlflow('POST', 'model-versions/create', { name: 'm1', source: 's3://bucket/x' }),
      ),
    );
    const numbers = racing.map((answer) => Number(answer.body.model_version.version)).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    const copy = await registry.http.mlflow('POST', 'model-versions/create', { name: 'm1', source: 'models:/m1/3' });
    expect(copy.body.model_version.source).toBe('models:/m1/3');
    expect((await registry.http.mlflow('GET', 'model-versions/get-download-uri?name=m1&version=13')).body).toEqual({
      artifact_uri: 's3://bucket/x',
    });
    for (const source of ['runs:/abc/model', 'mlflow-artifacts:/1/2', '/etc/passwd', 's3://b/../x', 's3://b/%252e%252e/x']) {
      expect((await registry.http.mlflow('POST', 'model-versions/create', { name: 'm1', source })).status).toBe(400);
    }
    const runId = await newRun();
    const ofRun = await registry.http.mlflow('POST', 'model-versions/create', {
      name: 'm1',
      source: `runs:/${runId}/model`,
      run_id: runId,
    });
    expect(ofRun.body.model_version).toMatchObject({ version: '14', run_id: runId, status: 'READY', current_stage: 'None' });
  });

  it('stages, tags, searches and deletes versions; aliases resolve; a deleted version drops its aliases', async () => {
    await registry.http.mlflow('POST', 'registered-models/create', { name: 'm2' });
    for (let index = 0; index < 3; index += 1) {
      await registry.http.mlflow('POST', 'model-versions/create', {
        name: 'm2',
        source: `s3://b/${index}`,
        tags: [{ key: 'n', value: `${index}` }],
      });
    }
    const staged = await registry.http.mlflow('POST', 'model-versions/transition-stage', {
      name: 'm2',
      version: '1',
      stage: 'production',
    });
    expect(staged.body.model_version.current_stage).toBe('Production');
    await registry.http.mlflow('POST', 'model-versions/transition-stage', {
      name: 'm2',
      version: '2',
      stage: 'Production',
      archive_existing_versions: true,
    });
    const latest = await registry.http.mlflow('POST', 'registered-models/get-latest-versions', { name: 'm2' });
    expect(
      latest.body.model_versions.map((one: { version: string; current_stage: string }) => [one.version, one.current_stage]),
    ).toEqual([
      ['1', 'Archived'],
      ['2', 'Production'],
      ['3', 'None'],
    ]);
    const search = async (filter: string, more = ''): Promise<string[]> => {
      const found = await registry.http.mlflow('GET', `model-versions/search?filter=${encodeURIComponent(filter)}${more}`);
      return (found.body.model_versions ?? []).map((one: { version: string }) => one.version);
    };
    expect(await search("name = 'm2' AND tags.n != '1'")).toEqual(['1', '3']);
    expect(await search("name = 'm2'", '&order_by=version_number%20DESC&max_results=2')).toEqual(['3', '2']);
    expect(await search("name = 'm2' AND version_number <= 1")).toEqual(['1']);
    await registry.http.mlflow('POST', 'registered-models/alias', { name: 'm2', alias: 'best', version: '3' });
    expect((await registry.http.mlflow('GET', 'registered-models/alias?name=m2&alias=best')).body.model_version.aliases).toEqual([
      'best',
    ]);
    expect(
      (await registry.http.mlflow('POST', 'registered-models/alias', { name: 'm2', alias: 'v1', version: '1' })).body.message,
    ).toBe("Version alias name 'v1' is reserved.");
    await registry.http.mlflow('DELETE', 'model-versions/delete', { name: 'm2', version: '3' });
    expect(await registry.http.mlflow('GET', 'registered-models/alias?name=m2&alias=best')).toEqual({
      status: 400,
      body: { error_code: 'INVALID_PARAMETER_VALUE', message: 'Registered model alias best not found.' },
    });
    expect((await registry.http.mlflow('GET', 'model-versions/get?name=m2&version=3')).body.message).toBe(
      'Model Version (name=m2, version=3) not found',
    );
    const renamed = await registry.http.mlflow('POST', 'registered-models/rename', { name: 'm2', new_name: 'm3' });
    expect(renamed.body.registered_model.latest_versions).toHaveLength(2);
    const next = await registry.http.mlflow('POST', 'model-versions/create', { name: 'm3', source: 's3://b/9' });
    expect(next.body.model_version.version).toBe('4');
    await registry.http.mlflow('DELETE', 'registered-models/delete', { name: 'm3' });
    expect((await registry.http.mlflow('GET', 'registered-models/get?name=m3')).body.message).toBe(
      'Registered Model with name=m3 not found',
    );
  });

  it('keeps prompts out of model searches unless they are asked for', async () => {
    const prompt = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }];
    await registry.http.mlflow('POST', 'registered-models/create', { name: 'p1', tags: prompt });
    const version = {
      name: 'p1',
      source: 'prompt-template',
      tags: [...prompt, { key: 'mlflow.prompt.text', value: 'Hi {{ x }}' }],
    };
    expect((await registry.http.mlflow('POST', 'model-versions/create', version)).status).toBe(200);
    const models = async (filter: string): Promise<string[]> => {
      const found = await registry.http.mlflow('GET', `registered-models/search?filter=${encodeURIComponent(filter)}`);
      return (found.body.registered_models ?? []).map((one: { name: string }) => one.name);
    };
    expect(await models('')).not.toContain('p1');
    expect(await models("tags.`mlflow.prompt.is_prompt` != 'true'")).toContain('m1');
    expect(await models("tags.`mlflow.prompt.is_prompt` = 'true'")).toEqual(['p1']);
    expect(await models("name LIKE '%1' AND tags.a = ''")).toEqual(['m1']);
    expect(await models("name LIKE 'M1'")).toEqual([]);
    expect(await models("name ILIKE 'M1'")).toEqual(['m1']);
    const versions = await registry.http.mlflow('GET', `model-versions/search?filter=${encodeURIComponent("name = 'p1'")}`);
    expect(versions.body).toEqual({});
    expect((await registry.http.mlflow('POST', 'registered-models/create', { name: 'p1' })).body.message).toContain(
      'MLflow does not allow creating a model and a prompt with the same name.',
    );
  });
});
