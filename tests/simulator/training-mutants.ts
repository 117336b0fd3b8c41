// SPDX-License-Identifier: Apache-2.0
import { FinishAttempt } from '../../services/training/src/jobs/finish-attempt';
import { StepRun } from '../../services/training/src/pipeline-runs/step-run';
import { replaceMethod, replaceSql, type Mutant, type Self } from './mutant';

const world = 'training';

/** Ways to break the leases of training's jobs. */
const JOBS: readonly Mutant[] = [
  {
    name: 'renew the lease of a training job without looking at its token',
    world,
    twist: replaceSql("lease_token = $3 and lease_owner <> ''", '$3::text is not null'),
  },
  {
    name: 'write to a training job without looking at its token',
    world,
    twist: replaceSql('($3::bigint is null or lease_token = $3)', '($3::bigint is null or $3::bigint is not null)'),
  },
  {
    name: 'claim a training job that another replica holds',
    world,
    twist: replaceSql('lease_until < now() and (lease_owner = $1 or $5)', '$5 or not $5'),
  },
  {
    name: 'keep the token of a training job that was given back',
    world,
    twist: replaceSql("lease_owner = '', lease_token = lease_token + 1", "lease_owner = ''"),
  },
  {
    name: 'let a success win over a cancel that was answered with yes',
    world,
    apply: replaceMethod(
      FinishAttempt,
      'endWell',
      () =>
        async function (this: Self, tx: Self, job: Self, result: Self) {
          await this.recorder.succeeded(tx, job, result);
          return 'succeeded';
        },
    ),
  },
];

/** Ways to break the leases of pipeline runs. */
const RUNS: readonly Mutant[] = [
  {
    name: 'claim a pipeline run that another replica drives',
    world,
    twist: replaceSql('next_try_time <= now() and (lease_until is null or lease_until < now())', 'next_try_time <= now()'),
  },
  {
    name: 'make the job of a step in a transaction of its own',
    world,
    apply: replaceMethod(
      StepRun,
      'prepare',
      (original) =>
        async function (this: Self, run: Self) {
          const step: Self = await original.call(this, run);
          const work = await this.createJob.unitOfWork.run((tx: Self) => step.write(tx));
          return { ...step, write: async () => work };
        },
    ),
  },
];

export const TRAINING_MUTANTS: readonly Mutant[] = [...JOBS, ...RUNS];
