// SPDX-License-Identifier: Apache-2.0
import type { Idempotency, Transaction, UnitOfWork } from '#libs/persistence';
import { ArchiveGizmoPolicy } from './archive-gizmo-policy';

describe('archive-gizmo-policy', () => {
  it('names the gizmo-policy that is missing', async () => {
    const unitOfWork = { run: (work: (tx: Transaction) => Promise<unknown>) => work({} as Transaction) } as unknown as UnitOfWork;
    const idempotency = { once: (_tx: unknown, _key: unknown, work: () => Promise<unknown>) => work() } as unknown as Idempotency;
    const useCase = new ArchiveGizmoPolicy(unitOfWork, idempotency, { find: async () => undefined });
    await expect(useCase.execute({ workspace: 'default', id: 'x' })).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
  });
});
