// SPDX-License-Identifier: Apache-2.0
import { JobRunner } from '../../services/data-prep/src/jobs/job-runner';
import { replaceMethod, replaceSql, type Mutant, type Self } from './mutant';

/** Ways to break the leases of data-prep's queue. */
export const JOB_MUTANTS: readonly Mutant[] = [
  {
    name: 'renew a lease without looking at its fence',
    world: 'jobs',
    twist: {
      sql: (sql) =>
        sql.startsWith('update jobs set lease_until = now()') ? sql.replace('fence = $3', '$3::text is not null') : sql,
    },
  },
  {
    name: 'finish a job without looking at its fence',
    world: 'jobs',
    twist: { sql: (sql) => (sql.startsWith('delete from jobs') ? sql.replace('fence = $3', '$3::text is not null') : sql) },
  },
  {
    name: 'claim a job that another replica holds',
    world: 'jobs',
    twist: replaceSql('and (lease_until is null or lease_until < now())', ''),
  },
  {
    name: 'end a job and record its outcome in two transactions',
    world: 'jobs',
    apply: replaceMethod(
      JobRunner,
      'end',
      () =>
        async function (this: Self, job: Self, record: Self) {
          await this.unitOfWork.run((tx: Self) => this.jobs.finish(tx, job));
          await this.unitOfWork.run(record);
        },
    ),
  },
];
