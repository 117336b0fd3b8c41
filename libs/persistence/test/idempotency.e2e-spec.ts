// SPDX-License-Identifier: Apache-2.0
import { useTestDatabase } from '#libs/testing';
import { purgeIdempotencyKeys, type IdempotencyKey } from '../src';

describe('idempotency', () => {
  const database = useTestDatabase('persistence-spec');
  let ran = 0;

  const call = (key: Partial<IdempotencyKey>, answer: unknown = { at: new Date(5), bytes: Buffer.from('x'), big: 2n ** 60n }) =>
    database.uow.run((tx) =>
      database.idempotency.once(
        tx,
        { workspace: 'w', operation: 'Op', requestId: 'r', request: { a: 1, b: 2 }, ...key },
        async () => {
          ran += 1;
          return answer;
        },
      ),
    );

  beforeEach(async () => {
    ran = 0;
    await database.db.query('delete from idempotency_keys');
  });

  it('gives the first answer again, type by type', async () => {
    const first = await call({});
    expect(await call({ request: { b: 2, a: 1 } })).toEqual(first);
    expect(ran).toBe(1);
  });

  it('refuses the id for another request, and keeps operations and workspaces apart', async () => {
    await call({});
    await expect(call({ request: { a: 2 } })).rejects.toMatchObject({ code: 'COMMON.REQUEST_ID_REUSED' });
    await call({ workspace: 'other', request: { a: 2 } });
    await call({ operation: 'Other', request: { a: 2 } });
    expect(ran).toBe(3);
  });

  it('runs the work once when two calls arrive together', async () => {
    const answers = await Promise.all([call({}, 'first'), call({}, 'first'), call({}, 'first')]);
    expect(answers).toEqual(['first', 'first', 'first']);
    expect(ran).toBe(1);
  });

  it('keeps no answer of a call that failed', async () => {
    const failing = database.uow.run((tx) =>
      database.idempotency.once(tx, { workspace: 'w', operation: 'Op', requestId: 'r', request: 1 }, () =>
        Promise.reject(new Error('no')),
      ),
    );
    await expect(failing).rejects.toThrow('no');
    await call({ request: 1 });
    expect(ran).toBe(1);
  });

  it('forgets after 24 hours, and runs unprotected without an id', async () => {
    await call({});
    await database.db.query("update idempotency_keys set created_at = now() - interval '25 hours'");
    await call({ request: { a: 2 } });
    await call({ requestId: '' });
    await call({ requestId: '' });
    expect(ran).toBe(4);
    await database.db.query("update idempotency_keys set created_at = now() - interval '25 hours'");
    expect(await purgeIdempotencyKeys(database.db)).toBe(1);
  });

  it('names request_id when it is too long', async () => {
    await expect(call({ requestId: 'x'.repeat(201) })).rejects.toMatchObject({
      code: 'COMMON.INVALID_ARGUMENT',
      details: { violations: [{ field: 'request_id' }] },
    });
  });
});
