// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { JobsModule } from '../jobs/jobs.module';
import { CancelRecipeRun } from './cancel-recipe-run';
import { CreateRecipe } from './create-recipe';
import { ExecuteRecipeRun } from './execute-recipe-run';
import { FindRecipe } from './find-recipe';
import { FindRecipeRuns } from './find-recipe-runs';
import { TypeormLedgerRepository } from './ledger.typeorm';
import { PreviewRecipe } from './preview-recipe';
import { ReadRunInput } from './read-run-input';
import { RecipeRunEvents } from './recipe-runs.events';
import { TypeormRecipeRunsRepository } from './recipe-runs.typeorm';
import { RecipesGrpc } from './recipes.grpc';
import { RecipesHttp } from './recipes.http';
import { LedgerRepository, RecipeRunsRepository, RecipesRepository } from './recipes.repository';
import { TypeormRecipesRepository } from './recipes.typeorm';
import { StartRecipeRun } from './start-recipe-run';

@Module({
  imports: [JobsModule],
  controllers: [RecipesHttp],
  providers: [
    { provide: RecipesRepository, useClass: TypeormRecipesRepository },
    { provide: RecipeRunsRepository, useClass: TypeormRecipeRunsRepository },
    { provide: LedgerRepository, useClass: TypeormLedgerRepository },
    CreateRecipe,
    FindRecipe,
    FindRecipeRuns,
    PreviewRecipe,
    ReadRunInput,
    StartRecipeRun,
    CancelRecipeRun,
    RecipeRunEvents,
    ExecuteRecipeRun,
    RecipesGrpc,
  ],
})
export class RecipesModule {}
