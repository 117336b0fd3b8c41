// SPDX-License-Identifier: Apache-2.0
import { checkSource, parseRegisteredSource } from './version-source';

const run = { id: 'r1', artifactUri: 'mlflow-artifacts:/1/r1/artifacts' };

describe('sources of versions', () => {
  it.each(['s3://bucket/path', 'gs://b/p', 'hdfs://h/p', 'https://example.org/m', 'runs:/r1/model', `${run.artifactUri}/model`])(
    'take %s',
    (source) => {
      checkSource(source, run, 'r1');
    },
  );

  it.each([
    'runs:/r2/model',
    'runs:/r1x/model',
    'mlflow-artifacts:/1/r2/artifacts/model',
    `${run.artifactUri}x/model`,
    's3://bucket/../other',
    's3://bucket/%2e%2e/other',
    's3://bucket/%252e%252e/other',
    's3://bucket/a\\..\\b',
    's3://bucket/\0',
    '/etc/passwd',
    'file:///etc/passwd',
    'relative/path',
    'https://h/api/2.0/mlflow-artifacts/artifacts/x',
  ])('refuse %j', (source) => {
    expect(() => checkSource(source, run, 'r1')).toThrow(expect.objectContaining({ code: 'REGISTRY.INVALID_PARAMETER' }));
  });

  it('refuse a run that is not there, even when it is named', () => {
    expect(() => checkSource('runs:/r1/model', undefined, 'r1')).toThrow('The run_id request parameter must identify');
  });

  it('know registered versions by number and by alias', () => {
    expect(parseRegisteredSource('models:/m/3')).toEqual({ name: 'm', version: 3 });
    expect(parseRegisteredSource('models:/m@champion')).toEqual({ name: 'm', alias: 'champion' });
    expect(parseRegisteredSource('s3://models:/m/3')).toBeUndefined();
    for (const source of ['models:/m', 'models:/m-1', 'models://h/m/3', 'models:/m/x'])
      expect(() => parseRegisteredSource(source)).toThrow();
  });
});
