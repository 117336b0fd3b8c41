// SPDX-License-Identifier: Apache-2.0
import { FakeClock } from '#libs/clock';
import { PersistenceErrors } from '#libs/persistence';
import { ProposeRetraining } from './propose-retraining';

describe('ProposeRetraining', () => {
  const failing = (error: Error) => {
    const run = jest.fn().mockRejectedValue(error);
    const report = jest.fn();
    const candidates = async () => ['a', 'b', 'c'].map((modelName) => ({ workspace: 'w', modelName }));
    const propose = new ProposeRetraining(
      { clock: new FakeClock(), unitOfWork: { run } } as never,
      { report } as never,
      { candidates } as never,
      {} as never,
      {} as never,
      {} as never,
      {} as never,
    );
    return { propose, run, report };
  };

  it('gives the other models their turn when one cannot be proposed, and says each that could not', async () => {
    const { propose, run, report } = failing(PersistenceErrors.QUERY_FAILED('planted'));
    expect(await propose.execute()).toBe(0);
    expect(run).toHaveBeenCalledTimes(3);
    expect(report.mock.calls.map(([, { id }]) => id)).toEqual(['a', 'b', 'c']);
  });

  it('waits for a database that is away once, not for each model', async () => {
    const { propose, run } = failing(PersistenceErrors.UNAVAILABLE('away'));
    await expect(propose.execute()).rejects.toMatchObject({ code: 'PERSISTENCE.UNAVAILABLE' });
    expect(run).toHaveBeenCalledTimes(1);
  });
});
