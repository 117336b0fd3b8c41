// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { Answers, Ctx, Requires, ValidBody, ValidQuery, type RequestContext } from '#libs/http';
import { LEDGER, PREVIEW, RECIPE, RECIPES, RECIPE_RUN, RECIPE_RUNS } from '../http-answers';
import type { Caller } from '../datasets/caller';
import { CancelRecipeRun } from './cancel-recipe-run';
import { CreateRecipe } from './create-recipe';
import { FindRecipe } from './find-recipe';
import { FindRecipeRuns } from './find-recipe-runs';
import { PreviewRecipe } from './preview-recipe';
import {
  CancelBody,
  CreateRecipeBody,
  GetRecipeQuery,
  LedgerQuery,
  PageQuery,
  PreviewRecipeBody,
  StartRecipeRunBody,
} from './recipes.dto';
import type { RecipeRecord, RecipeRunRecord } from './recipe-record';
import { StartRecipeRun } from './start-recipe-run';

function callerOf(ctx: RequestContext): Caller {
  return { workspace: ctx.workspace, subject: ctx.principal.subject };
}

function recipeJson({ workspace: _workspace, ...recipe }: RecipeRecord) {
  return recipe;
}

function runJson({ workspace: _workspace, revision, report, ...run }: RecipeRunRecord) {
  return { ...run, steps: report?.steps ?? [], etag: `"${revision}"` };
}

/** Recipes, previews, runs and the ledger over HTTP: the same use cases as the gRPC door. */
@Controller('api/v1')
export class RecipesHttp {
  constructor(
    private readonly create: CreateRecipe,
    private readonly recipes: FindRecipe,
    private readonly preview: PreviewRecipe,
    private readonly start: StartRecipeRun,
    private readonly runs: FindRecipeRuns,
    private readonly cancel: CancelRecipeRun,
  ) {}

  @Answers('Save a recipe; a taken name gets its next version', RECIPE)
  @Post('recipes')
  @HttpCode(201)
  async createRecipe(@Ctx() ctx: RequestContext, @ValidBody(CreateRecipeBody) body: CreateRecipeBody) {
    return recipeJson(await this.create.execute(callerOf(ctx), { ...body, requestId: body.requestId ?? '' }));
  }

  @Answers('Newest versions of the recipes', RECIPES)
  @Get('recipes')
  async listRecipes(@Ctx() ctx: RequestContext, @ValidQuery(PageQuery) query: PageQuery) {
    const page = await this.recipes.list(callerOf(ctx), query);
    return { items: page.items.map(recipeJson), nextPageToken: page.nextPageToken };
  }

  @Answers('One recipe, newest version unless asked otherwise', RECIPE)
  @Get('recipes/:name')
  async getRecipe(@Ctx() ctx: RequestContext, @Param('name') name: string, @ValidQuery(GetRecipeQuery) query: GetRecipeQuery) {
    return recipeJson(await this.recipes.execute(callerOf(ctx), name, query.version ?? 0));
  }

  /** Writes nothing, so a viewer may ask. */
  @Answers('What a recipe would do to the first rows; writes nothing', PREVIEW)
  @Post('recipe-previews')
  @HttpCode(200)
  @Requires('viewer')
  previewRecipe(@Ctx() ctx: RequestContext, @ValidBody(PreviewRecipeBody) body: PreviewRecipeBody) {
    const { recipeText = '', recipeName = '', inputVersion, rowsMax = 0 } = body;
    return this.preview.execute(callerOf(ctx), { recipeText, recipeName, inputVersion, rowsMax, signal: ctx.signal });
  }

  @Answers('Run a recipe over a dataset version', RECIPE_RUN)
  @Post('recipe-runs')
  @HttpCode(202)
  async startRun(@Ctx() ctx: RequestContext, @ValidBody(StartRecipeRunBody) body: StartRecipeRunBody) {
    const { recipeText = '', recipeName = '', tags = {}, requestId = '' } = body;
    const input = { recipeText, recipeName, inputVersion: body.inputVersion, outputDataset: body.outputDataset, tags, requestId };
    return runJson(await this.start.execute(callerOf(ctx), input));
  }

  @Answers('Recipe runs, newest first', RECIPE_RUNS)
  @Get('recipe-runs')
  async listRuns(@Ctx() ctx: RequestContext, @ValidQuery(PageQuery) query: PageQuery) {
    const page = await this.runs.list(callerOf(ctx), query);
    const items = page.items.map((run) => {
      const { recipeText: _text, steps: _steps, ...summary } = runJson(run);
      return summary;
    });
    return { items, nextPageToken: page.nextPageToken };
  }

  @Answers('One recipe run', RECIPE_RUN)
  @Get('recipe-runs/:id')
  async getRun(@Ctx() ctx: RequestContext, @Param('id') id: string) {
    return runJson(await this.runs.execute(callerOf(ctx), id));
  }

  @Answers('Cancel a recipe run', RECIPE_RUN)
  @Post('recipe-runs/:id/cancel')
  @HttpCode(200)
  async cancelRun(@Ctx() ctx: RequestContext, @Param('id') id: string, @ValidBody(CancelBody) body: CancelBody) {
    return runJson(await this.cancel.execute(callerOf(ctx), { id, requestId: body.requestId ?? '' }));
  }

  /** `?row_id=` answers "why is this row gone?". */
  @Answers('What became of each row that was dropped or changed', LEDGER)
  @Get('recipe-runs/:id/ledger')
  async listLedger(@Ctx() ctx: RequestContext, @Param('id') id: string, @ValidQuery(LedgerQuery) query: LedgerQuery) {
    const page = await this.runs.ledgerOf(callerOf(ctx), id, { ...query, rowId: query.rowId ?? query.row_id });
    return { items: page.items, nextPageToken: page.nextPageToken };
  }
}
