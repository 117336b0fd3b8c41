// SPDX-License-Identifier: Apache-2.0
import { Database } from '#libs/persistence';
import type { TestService } from '#libs/testing';
import { HttpCaller, startRegistry } from './harness';

jest.setTimeout(30_000);

// The gateway and monitoring pass over a fact whose number is not above the last one that they know of that name.
describe('a name that an earlier model had', () => {
  let service: TestService;
  let http: HttpCaller;

  beforeAll(async () => {
    service = await startRegistry();
    http = new HttpCaller(service.baseUrl);
  }, 60_000);
  afterAll(() => service.close());

  const ask = async (method: 'POST' | 'DELETE', path: string, body: unknown): Promise<void> => {
    const answer = await http.mlflow(method, path, body);
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
    const rows = await service
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
    expect(await numbersOf('taken')).toEqual(upTo(5 + 1));
    expect(await numbersOf('first')).toEqual(upTo(2 + 2));
  });

  it('goes on with them when it is made anew while the delete is under way', async () => {
    await make('raced', 1);
    await Promise.all([
      ask('DELETE', 'registered-models/delete', { name: 'raced' }),
      // Refused until the delete has happened.
      (async () => {
        while ((await http.mlflow('POST', 'registered-models/create', { name: 'raced' })).status !== 200);
      })(),
    ]);
    await ask('POST', 'model-versions/create', { name: 'raced', source: 's3://bucket/1' });
    expect(await numbersOf('raced')).toEqual(upTo(2 + 1 + 1));
  });
});
