// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { CommonErrors, invalidFields } from '#libs/errors';
import type { Queryable, Transaction } from './ports';
import { fromTaggedJson, toTaggedJson } from './tagged-json';

/** What makes two calls the same call. `request` is compared by content: reuse of the id for another request is refused. */
export interface IdempotencyKey {
  workspace: string;
  /** Name of the operation, such as 'RegisterModelVersion'. */
  operation: string;
  /** Chosen by the caller; empty or undefined means the caller asked for no protection. */
  requestId?: string;
  request: unknown;
}

const REQUEST_ID_CHARACTERS_MAX = 200;

/** Promise P5: a repeated request id within 24 h returns the first answer; the work runs once. */
export abstract class Idempotency {
  abstract once<T>(tx: Transaction, key: IdempotencyKey, work: () => Promise<T>): Promise<T>;
}

/** Keeps answers in the service's own database, in the transaction of the work itself. */
export class PgIdempotency extends Idempotency {
  async once<T>(tx: Transaction, key: IdempotencyKey, work: () => Promise<T>): Promise<T> {
    const { workspace, operation, requestId } = key;
    if (requestId === undefined || requestId === '') return work();
    if (requestId.length > REQUEST_ID_CHARACTERS_MAX) {
      throw invalidFields({ field: 'request_id', message: `must have at most ${REQUEST_ID_CHARACTERS_MAX} characters` });
    }
    const identity = [workspace, operation, requestId];
    const hash = createHash('sha256').update(canonical(key.request)).digest();
    // A concurrent call with the same id waits here until the first one has ended.
    const claimed = await tx.query(
      `insert into idempotency_keys as k (workspace, operation, request_id, request_hash) values ($1, $2, $3, $4)
       on conflict (workspace, operation, request_id) do update set request_hash = excluded.request_hash, created_at = now()
         where k.created_at < now() - interval '24 hours' returning 1`,
      [...identity, hash],
    );
    if (claimed.length === 0) return this.firstAnswer<T>(tx, identity, hash);
    const answer = await work();
    await tx.query('update idempotency_keys set response = $4 where workspace = $1 and operation = $2 and request_id = $3', [
      ...identity,
      toTaggedJson(answer),
    ]);
    return answer;
  }

  private async firstAnswer<T>(tx: Transaction, identity: string[], hash: Buffer): Promise<T> {
    const [first] = await tx.query<{ request_hash: Buffer; response: unknown }>(
      'select request_hash, response from idempotency_keys where workspace = $1 and operation = $2 and request_id = $3',
      identity,
    );
    if (!first) throw CommonErrors.CONFLICT('the first call with this request id was removed meanwhile; call again');
    if (!first.request_hash.equals(hash)) {
      throw CommonErrors.REQUEST_ID_REUSED('this request id was used for another request', { requestId: identity[2] });
    }
    return fromTaggedJson(first.response) as T;
  }
}

/** Removes answers older than 24 h, at most `rowsMax`; returns how many. */
export async function purgeIdempotencyKeys(db: Queryable, rowsMax = 5_000): Promise<number> {
  const rows = await db.query(
    `delete from idempotency_keys where ctid in
       (select ctid from idempotency_keys where created_at < now() - interval '24 hours' limit $1) returning 1`,
    [rowsMax],
  );
  return rows.length;
}

/** JSON with sorted object keys: the same request gives the same bytes, however its object was built. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_name, inner: unknown) => {
      if (typeof inner === 'bigint') return inner.toString();
      if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
      return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? 'undefined'
  );
}
