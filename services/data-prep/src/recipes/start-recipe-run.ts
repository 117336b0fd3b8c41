// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { invalidFields } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import type { Caller } from '../datasets/caller';
import { JobQueue } from '../jobs/job-queue';
import { ReadRunInput, type RunInputReference } from './read-run-input';
import type { RecipeRunRecord } from './recipe-record';
import { RecipeRunsRepository } from './recipes.repository';

export interface StartRecipeRunInput extends RunInputReference {
  outputDataset: string;
  tags: Record<string, string>;
  requestId: string;
}

const DATASET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
/** Room for "-<output>" in a dataset's name. */
const OUTPUT_CHARACTERS_MAX = 150;

/** Checks recipe and input, and puts a run into the queue: nothing is read before the recipe is known to be right. */
@Injectable()
export class StartRecipeRun {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly inputs: ReadRunInput,
    private readonly runs: RecipeRunsRepository,
    private readonly queue: JobQueue,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  async execute(caller: Caller, input: StartRecipeRunInput): Promise<RecipeRunRecord> {
    const { workspace, subject: createdBy } = caller;
    if (!DATASET_NAME.test(input.outputDataset) || input.outputDataset.length > OUTPUT_CHARACTERS_MAX) {
      throw invalidFields({
        field: 'output_dataset',
        message: `must be letters, digits, "-", "_" and ".", at most ${OUTPUT_CHARACTERS_MAX}`,
      });
    }
    const { name, text, recipe, version } = await this.inputs.execute(caller, input);
    const { requestId, ...request } = input;
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'StartRecipeRun', requestId, request }, async () => {
        const now = this.clock.now();
        const run: RecipeRunRecord = {
          workspace,
          id: this.ids.next(),
          recipeName: name,
          recipeDigest: recipe.digest,
          recipeText: text,
          inputVersionId: version.id,
          outputDataset: input.outputDataset,
          tags: input.tags,
          state: 'queued',
          stage: '',
          rowsRead: 0,
          rowsTotal: version.rowsKept,
          attempts: 0,
          report: null,
          outputs: [],
          errorCode: '',
          errorMessage: '',
          createdBy,
          revision: 1,
          createTime: now,
          updateTime: now,
        };
        await this.runs.insert(tx, run);
        await this.queue.submit(tx, { workspace, id: run.id, kind: 'recipe-run' });
        return run;
      }),
    );
  }
}
