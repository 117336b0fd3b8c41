// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields } from '#libs/errors';
import { Database } from '#libs/persistence';
import type { Caller, Page, PageInput } from '../datasets/caller';
import { readPage } from '../datasets/read-page';
import { parseRecipe } from './parse-recipe';
import type { Recipe } from './recipe';
import type { RecipeRecord } from './recipe-record';
import { RecipeErrors } from './recipes.errors';
import { RecipesRepository } from './recipes.repository';

/** Either the text of a recipe or the name of a kept one. */
export interface RecipeReference {
  recipeText: string;
  recipeName: string;
}

/** Reads recipes: kept ones by name, and the one that a request means. */
@Injectable()
export class FindRecipe {
  constructor(
    private readonly database: Database,
    private readonly recipes: RecipesRepository,
  ) {}

  async execute(caller: Caller, name: string, version: number): Promise<RecipeRecord> {
    const recipe = await this.recipes.find(this.database, caller.workspace, name, version);
    if (recipe) return recipe;
    const which = version > 0 ? ` version ${version}` : '';
    throw RecipeErrors.RECIPE_NOT_FOUND(`recipe ${JSON.stringify(name)}${which} not found`, { name, version });
  }

  list(caller: Caller, input: PageInput): Promise<Page<RecipeRecord>> {
    return readPage(input, {
      filter: { list: 'recipes', workspace: caller.workspace },
      read: (size, after) => this.recipes.list(this.database, caller.workspace, { size, afterName: after as string | undefined }),
      keyOf: (recipe) => recipe.name,
      kind: 'text',
    });
  }

  /** The recipe that a request means, read and checked. */
  async resolve(caller: Caller, reference: RecipeReference): Promise<{ name: string; text: string; recipe: Recipe }> {
    const { recipeText, recipeName } = reference;
    if ((recipeText === '') === (recipeName === '')) {
      throw invalidFields({ field: 'recipe_text', message: 'give either the text of a recipe or recipe_name' });
    }
    if (recipeText !== '') {
      const recipe = parseRecipe(recipeText);
      return { name: recipe.name, text: recipeText, recipe };
    }
    const { text } = await this.execute(caller, recipeName, 0);
    return { name: recipeName, text, recipe: parseRecipe(text) };
  }
}
