// SPDX-License-Identifier: Apache-2.0
// Plants the classic mistake: every unit of work tries to start another one inside itself.
import { onExport } from './on-export';

type Run = (this: unknown, work: (tx: unknown) => Promise<unknown>, options?: object) => Promise<unknown>;

onExport('PgUnitOfWork', ({ prototype }) => {
  const run = prototype.run as Run;
  prototype.run = function runNested(this: unknown, ...[work, options]: Parameters<Run>): Promise<unknown> {
    const nested = async (tx: unknown): Promise<unknown> => {
      await run.call(this, () => Promise.resolve(), { label: 'planted nesting' });
      return work(tx);
    };
    return run.call(this, nested, options);
  };
});
