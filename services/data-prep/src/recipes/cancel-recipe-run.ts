// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import type { Caller } from '../datasets/caller';
import { JobsRepository } from '../jobs/jobs.repository';
import { isEnded, type RecipeRunRecord } from './recipe-record';
import { RecipeErrors } from './recipes.errors';
import { RecipeRunEvents } from './recipe-runs.events';
import { RecipeRunsRepository } from './recipes.repository';

/** Stops a run that has not ended. Its worker notices within a third of its lease; versions that it wrote already stay. */
@Injectable()
export class CancelRecipeRun {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly runs: RecipeRunsRepository,
    private readonly jobs: JobsRepository,
    private readonly events: RecipeRunEvents,
    private readonly clock: Clock,
  ) {}

  async execute(caller: Caller, input: { id: string; requestId: string }): Promise<RecipeRunRecord> {
    const { workspace } = caller;
    const { id, requestId } = input;
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'CancelRecipeRun', requestId, request: { id } }, async () => {
        // The job first, as the worker does when it ends: the same order of locks on both sides.
        const known = await this.runs.find(tx, workspace, id);
        if (known) await this.jobs.remove(tx, workspace, id);
        const run = known && (await this.runs.find(tx, workspace, id, { lock: true }));
        if (!run) throw RecipeErrors.RUN_NOT_FOUND(`recipe run ${JSON.stringify(id)} not found`, { id });
        if (isEnded(run)) throw RecipeErrors.RUN_FINISHED(`the run has ${run.state} already`, { id, state: run.state });
        const code = 'DATA_PREP.RUN_CANCELLED';
        const cancelled: RecipeRunRecord = {
          ...run,
          state: 'cancelled',
          stage: '',
          errorCode: code,
          errorMessage: `cancelled by ${caller.subject}`,
          revision: run.revision + 1,
          updateTime: this.clock.now(),
        };
        await this.runs.update(tx, cancelled);
        await this.events.failed(tx, cancelled);
        return cancelled;
      }),
    );
  }
}
