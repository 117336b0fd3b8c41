// SPDX-License-Identifier: Apache-2.0
import { PersistenceErrors, type Transaction } from '#libs/persistence';
import { DueRows } from './due-rows';

describe('DueRows', () => {
  const work = async (error: Error) => {
    const due = [1, 2, 3].map((n) => ({ workspace: 'w', id: `row-${n}` }));
    const putOff: string[] = [];
    const logged: string[] = [];
    const rows = new DueRows(
      { run: (task: (tx: Transaction) => Promise<unknown>) => task({} as Transaction) } as never,
      { loopErrors: { inc: () => undefined } } as never,
      { error: ({ id }: { id: string }) => logged.push(id) } as never,
    );
    const pass = rows.workOn({
      task: 'evaluate-monitors',
      rowsMax: 10,
      claim: async () => due.shift(),
      work: async (_tx, { id }) => {
        if (id !== 'row-3') throw error;
      },
      putOff: async (_tx, { id }) => void putOff.push(id),
    });
    const turns = await pass.catch((thrown: unknown) => thrown);
    return { turns, putOff, logged };
  };

  it('puts off each row that fails for itself, says so, and goes on', async () => {
    expect(await work(PersistenceErrors.QUERY_FAILED('planted'))).toEqual({
      turns: 3,
      putOff: ['row-1', 'row-2'],
      logged: ['row-1', 'row-2'],
    });
  });

  it.each([PersistenceErrors.UNAVAILABLE('away'), PersistenceErrors.STATEMENT_TIMEOUT('slow')])(
    'ends the pass at an outage, after the first row that met it, which comes later all the same: $code',
    async (outage) => {
      expect(await work(outage)).toEqual({ turns: outage, putOff: ['row-1'], logged: [] });
    },
  );
});
