// SPDX-License-Identifier: Apache-2.0
import type { Idempotency, IdempotencyKey, Transaction, UnitOfWork } from '#libs/persistence';

/**
 * Prepares a request outside of any transaction, as peers are asked for it, and carries it out once. A repeated request gets its first
 * answer, whatever has become of peers and datasets by then: what `prepare` throws counts for a first request only.
 */
export async function answerOnce<Prepared, T>(
  { unitOfWork, idempotency }: { unitOfWork: UnitOfWork; idempotency: Idempotency },
  key: IdempotencyKey,
  steps: { label: string; prepare: () => Promise<Prepared>; carryOut: (tx: Transaction, prepared: Prepared) => Promise<T> },
): Promise<T> {
  const [prepared] = await Promise.allSettled([steps.prepare()]);
  const work = async (tx: Transaction): Promise<T> => {
    if (prepared.status === 'rejected') throw prepared.reason;
    return steps.carryOut(tx, prepared.value);
  };
  return unitOfWork.run((tx) => idempotency.once(tx, key, () => work(tx)), { label: steps.label });
}
