// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { dataprep } from '#libs/contracts';
import { RpcController, type RpcContext } from '#libs/rpc';
import type { Caller } from '../datasets/caller';
import { CancelRecipeRun } from './cancel-recipe-run';
import { CreateRecipe } from './create-recipe';
import { FindRecipe } from './find-recipe';
import { FindRecipeRuns } from './find-recipe-runs';
import { PreviewRecipe } from './preview-recipe';
import { entryToProto, previewToProto, recipeToProto, runSummaryToProto, runToProto } from './recipes.proto';
import { StartRecipeRun } from './start-recipe-run';

function callerOf(ctx: RpcContext): Caller {
  return { workspace: ctx.workspace, subject: ctx.principal.subject };
}

@Injectable()
@RpcController(dataprep.RecipeServiceService)
export class RecipesGrpc {
  constructor(
    private readonly create: CreateRecipe,
    private readonly recipes: FindRecipe,
    private readonly preview: PreviewRecipe,
    private readonly start: StartRecipeRun,
    private readonly runs: FindRecipeRuns,
    private readonly cancel: CancelRecipeRun,
  ) {}

  async createRecipe(request: dataprep.CreateRecipeRequest, ctx: RpcContext): Promise<dataprep.CreateRecipeResponse> {
    return { recipe: recipeToProto(await this.create.execute(callerOf(ctx), request)) };
  }

  async getRecipe(request: dataprep.GetRecipeRequest, ctx: RpcContext): Promise<dataprep.GetRecipeResponse> {
    return { recipe: recipeToProto(await this.recipes.execute(callerOf(ctx), request.name, request.version)) };
  }

  async listRecipes(request: dataprep.ListRecipesRequest, ctx: RpcContext): Promise<dataprep.ListRecipesResponse> {
    const page = await this.recipes.list(callerOf(ctx), request);
    return { recipes: page.items.map(recipeToProto), nextPageToken: page.nextPageToken };
  }

  async previewRecipe(request: dataprep.PreviewRecipeRequest, ctx: RpcContext): Promise<dataprep.PreviewRecipeResponse> {
    return previewToProto(await this.preview.execute(callerOf(ctx), { ...request, signal: ctx.signal }));
  }

  async startRecipeRun(request: dataprep.StartRecipeRunRequest, ctx: RpcContext): Promise<dataprep.StartRecipeRunResponse> {
    return { run: runToProto(await this.start.execute(callerOf(ctx), request)) };
  }

  async getRecipeRun(request: dataprep.GetRecipeRunRequest, ctx: RpcContext): Promise<dataprep.GetRecipeRunResponse> {
    return { run: runToProto(await this.runs.execute(callerOf(ctx), request.id)) };
  }

  async listRecipeRuns(request: dataprep.ListRecipeRunsRequest, ctx: RpcContext): Promise<dataprep.ListRecipeRunsResponse> {
    const page = await this.runs.list(callerOf(ctx), request);
    return { runs: page.items.map(runSummaryToProto), nextPageToken: page.nextPageToken };
  }

  async cancelRecipeRun(request: dataprep.CancelRecipeRunRequest, ctx: RpcContext): Promise<dataprep.CancelRecipeRunResponse> {
    return { run: runToProto(await this.cancel.execute(callerOf(ctx), request)) };
  }

  async listLedgerEntries(
    request: dataprep.ListLedgerEntriesRequest,
    ctx: RpcContext,
  ): Promise<dataprep.ListLedgerEntriesResponse> {
    const page = await this.runs.ledgerOf(callerOf(ctx), request.runId, request);
    return { entries: page.items.map(entryToProto), nextPageToken: page.nextPageToken };
  }
}
