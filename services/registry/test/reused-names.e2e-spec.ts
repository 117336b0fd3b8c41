// SPDX-License-Identifier: Apache-2.0
import { Database } from '#libs/persistence';
import { Events, outboxOf, useRegistry } from './harness';

jest.setTimeout(30_000);

// The gateway and monitoring pass over a fact whose number is not above the last one that they know of that name.
describe('a name that an earlier model had', () => {
  const registry = useRegistry();

  const ask = async (method: 'POST' | 'DELETE', path: string, body: unknown): Promise<void> => {
    const answer = await registry.http.mlflow(method, path, body);
    if (answer.status !== 200) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  };
  const make = async (name: string, versions: number): Promise<void> => {
    await ask('POST', 'registered-models/create', { name });
    for (let version = 1; version <= versions; version += 1) {
      await ask('POST', 'model-versions/create', { name, source: `s3://bucket/${version}` });
      await ask('POST', 'registered-models/alias', { name, alias: 'champion', version: String(version) });
    }
  };
  /** Numbers of what was told under a name, in the order in which it was told. */
  const numbersOf = async (name: string): Promise<number[]> => {
    const rows = await registry.service
      .get(Database)
      .query<{ number: string }>(
        "SELECT headers->>'ce_aggregateversion' AS number FROM outbox WHERE aggregateid = $1 ORDER BY position",
        [name],
      );
    return rows.map((row) => Number(row.number));
  };
  const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

  it('goes on with its numbers when the model is deleted and made anew', async () => {
    await make('again', 2);
    await ask('DELETE', 'registered-models/delete', { name: 'again' });
    await make('again', 1);
    await ask('DELETE', 'registered-models/delete', { name: 'again' });
    await make('again', 1);
    // Two facts for each version and its alias, one for an alias that went with its model.
    expect(await numbersOf('again')).toEqual(upTo(4 + 1 + 2 + 1 + 2));
  });

  it('goes on with them when another model gets the name, and when one takes the name that a rename left', async () => {
    await make('taken', 2);
    await ask('DELETE', 'registered-models/delete', { name: 'taken' });
    await make('first', 1);
    await ask('POST', 'registered-models/rename', { name: 'first', new_name: 'taken' });
    await ask('POST', 'model-versions/create', { name: 'taken', source: 's3://bucket/2' });
    await make('first', 1);
    // The alias left the one name for the other.
    expect(await numbersOf('first')).toEqual(upTo(2 + 1 + 2));
    expect(await numbersOf('taken')).toEqual(upTo(5 + 1 + 1));
  });

  it('goes on with them when it is made anew while the delete is under way', async () => {
    await make('raced', 1);
    await Promise.all([
      ask('DELETE', 'registered-models/delete', { name: 'raced' }),
      // Refused until the delete has happened.
      (async () => {
        while ((await registry.http.mlflow('POST', 'registered-models/create', { name: 'raced' })).status !== 200);
      })(),
    ]);
    await ask('POST', 'model-versions/create', { name: 'raced', source: 's3://bucket/1' });
    expect(await numbersOf('raced')).toEqual(upTo(2 + 1 + 1));
  });
});

describe('a rename', () => {
  const registry = useRegistry();

  beforeAll(async () => {
    await registry.http.mlflow('POST', 'registered-models/create', { name: 'old' });
    await registry.http.mlflow('POST', 'model-versions/create', { name: 'old', source: 's3://bucket/1' });
    await registry.http.mlflow('POST', 'registered-models/alias', { name: 'old', alias: 'champion', version: '1' });
  }, 60_000);

  const rename = (name: string, newName: string) =>
    registry.http.mlflow('POST', 'registered-models/rename', { name, new_name: newName });

  it('tells who follows an alias under the old name that it is gone, and who does under the new one where it points', async () => {
    expect((await rename('old', 'new')).status).toBe(200);
    const deleted = await outboxOf(registry.service, Events.AliasDeleted.type);
    expect(deleted.map(({ payload }) => payload)).toMatchObject([{ modelName: 'old', alias: 'champion', fromVersion: 1 }]);
    const moved = await outboxOf(registry.service, Events.AliasMoved.type);
    expect(moved.at(-1)?.payload).toMatchObject({ modelName: 'new', alias: 'champion', toVersion: 1 });
  });

  it('is refused while an alias is protected: another model could take its place under the old name', async () => {
    await registry.http.call('PUT', '/api/v1/models/new/aliases/champion/policy', { approvalsRequired: 1 });
    const refused = await rename('new', 'newer');
    expect(refused).toMatchObject({ status: 403, body: { error_code: 'PERMISSION_DENIED' } });
    expect((await registry.http.get('/api/v1/models/new/aliases/champion')).status).toBe(200);
    expect(await outboxOf(registry.service, Events.AliasDeleted.type)).toHaveLength(1);
  });
});
