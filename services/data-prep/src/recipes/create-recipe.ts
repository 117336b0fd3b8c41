// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { invalidFields } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import type { Caller } from '../datasets/caller';
import { parseRecipe } from './parse-recipe';
import type { RecipeRecord } from './recipe-record';
import { RecipesRepository } from './recipes.repository';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** Keeps a recipe under a name: the next version where the name exists. Throws RECIPE_INVALID with every problem. */
@Injectable()
export class CreateRecipe {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly recipes: RecipesRepository,
    private readonly clock: Clock,
  ) {}

  async execute(caller: Caller, input: { name: string; text: string; requestId: string }): Promise<RecipeRecord> {
    if (!NAME.test(input.name))
      throw invalidFields({ field: 'name', message: 'must be letters, digits, "-", "_" and ".", at most 200' });
    const { digest } = parseRecipe(input.text);
    const { workspace, subject: createdBy } = caller;
    const request = { name: input.name, text: input.text };
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'CreateRecipe', requestId: input.requestId, request }, () =>
        this.recipes.insert(tx, { workspace, ...request, digest, createdBy, createTime: this.clock.now() }),
      ),
    );
  }
}
