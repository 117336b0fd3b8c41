// SPDX-License-Identifier: Apache-2.0
import { Clock } from '#libs/clock';
import { ExpireApprovals } from '../src/approvals/expire-approvals';
import { useRegistry } from './harness';

jest.setTimeout(30_000);

const HOUR_MS = 3_600_000;

// The clock that is wrong is that of one process; the others and the database go on as before.
describe('a process of the registry with a wrong clock', () => {
  const registry = useRegistry();
  afterEach(() => jest.restoreAllMocks());

  const make = async (name: string, versions: number): Promise<void> => {
    await registry.http.mlflow('POST', 'registered-models/create', { name });
    for (let version = 1; version <= versions; version += 1) {
      await registry.http.mlflow('POST', 'model-versions/create', { name, source: `s3://bucket/${version}` });
    }
  };
  const setClock = (offMs: number): void => {
    jest.spyOn(registry.service.get(Clock), 'now').mockImplementation(() => new Date(Date.now() + offMs));
  };

  it('keeps one answer to what an alias pointed to at any time', async () => {
    await make('turned-back', 4);
    const set = (version: number) =>
      registry.http.mlflow('POST', 'registered-models/alias', {
        name: 'turned-back',
        alias: 'champion',
        version: String(version),
      });
    const times: string[] = [];
    for (const [version, offMs] of [
      [1, 0],
      [2, HOUR_MS],
      [3, -HOUR_MS],
    ] as const) {
      setClock(offMs);
      await set(version);
      times.push(new Date().toISOString());
    }
    await registry.http.mlflow('DELETE', 'registered-models/alias', { name: 'turned-back', alias: 'champion' });
    const gone = new Date().toISOString();
    setClock(0);
    await set(4);
    times.push(new Date().toISOString());
    const pointedTo = async (at: string): Promise<number[]> => {
      const { body } = await registry.http.get(`/api/v1/models/turned-back/aliases/champion/history?at=${at}`);
      return body.items.map((interval: { version: number }) => interval.version);
    };
    expect(await Promise.all(times.map(pointedTo))).toEqual([[1], [2], [3], [4]]);
    expect((await pointedTo(gone)).filter((version) => version !== 4)).toEqual([]);
  });

  it('expires no approval before its time', async () => {
    await make('waiting', 1);
    await registry.http.call('PUT', '/api/v1/models/waiting/aliases/champion/policy', { approvalsRequired: 1 });
    const asked = await registry.http.call('POST', '/api/v1/models/waiting/aliases/champion/moves', { version: 1, reason: 'r' });
    setClock(30 * 24 * HOUR_MS);
    expect(await registry.service.get(ExpireApprovals).execute()).toEqual({ ended: 0, failures: [] });
    jest.restoreAllMocks();
    expect((await registry.http.get(`/api/v1/approvals/${asked.body.approval.id}`)).body.state).toBe('APPROVAL_STATE_PENDING');
  });
});
