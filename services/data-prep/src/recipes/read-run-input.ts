// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { DataPrepSettings } from '../config';
import type { Caller } from '../datasets/caller';
import { DatasetVersions, type DatasetVersion } from '../datasets/dataset-versions';
import { FindRecipe, type RecipeReference } from './find-recipe';
import type { Recipe } from './recipe';
import { RecipeErrors } from './recipes.errors';

export interface RunInputReference extends RecipeReference {
  /** Id, "<dataset>/<number>" or "<dataset>/latest". */
  inputVersion: string;
}

/** What a run needs to know before anything is read: a recipe that is right and a version that is there and not too large. */
@Injectable()
export class ReadRunInput {
  constructor(
    private readonly recipes: FindRecipe,
    private readonly versions: DatasetVersions,
    private readonly settings: DataPrepSettings,
  ) {}

  async execute(
    caller: Caller,
    input: RunInputReference,
  ): Promise<{ name: string; text: string; recipe: Recipe; version: DatasetVersion }> {
    const recipe = await this.recipes.resolve(caller, input);
    const version = await this.versions.get(caller.workspace, input.inputVersion);
    const { recipeRowsMax: rowsMax } = this.settings;
    if (version.rowsKept > rowsMax)
      throw RecipeErrors.INPUT_TOO_LARGE(`the input has ${version.rowsKept} rows, more than ${rowsMax}`, { rowsMax });
    return { ...recipe, version };
  }
}
