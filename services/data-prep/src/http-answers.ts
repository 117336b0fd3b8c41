// SPDX-License-Identifier: Apache-2.0
import { schema } from '#libs/http';

const { anyObject, boolean, entity, integer, list, nullable, object, oneOf, optional, page, text, textMap, time } = schema;

const STATE = oneOf('queued', 'running', 'succeeded', 'failed', 'cancelled');

/** Profiles as HTTP shows them. */
export const PROFILE = entity(
  'Profile',
  object({
    id: text,
    datasetVersionId: text,
    datasetName: text,
    datasetVersion: integer,
    state: STATE,
    result: optional(anyObject),
    reportPath: text,
    reportReady: boolean,
    errorCode: text,
    errorMessage: text,
    etag: text,
    createTime: time,
    updateTime: time,
  }),
);
export const PROFILES = page(PROFILE);

/** One version of a named recipe. */
export const RECIPE = entity(
  'Recipe',
  object({ name: text, version: integer, text, digest: text, createdBy: text, createTime: time }),
);
export const RECIPES = page(RECIPE);

const RUN_FIELDS = {
  id: text,
  recipeName: text,
  recipeDigest: text,
  inputVersionId: text,
  outputDataset: text,
  tags: textMap,
  state: STATE,
  stage: text,
  rowsRead: integer,
  rowsTotal: integer,
  attempts: integer,
  outputs: list(anyObject),
  errorCode: text,
  errorMessage: text,
  createdBy: text,
  etag: text,
  createTime: time,
  updateTime: time,
};

/** A run of a recipe, and its short form in lists. */
export const RECIPE_RUN = entity('RecipeRun', object({ ...RUN_FIELDS, recipeText: text, steps: list(anyObject) }));
export const RECIPE_RUNS = page(entity('RecipeRunSummary', object(RUN_FIELDS)));

export const PREVIEW = entity('RecipePreview', object({ partial: boolean, samples: list(anyObject), steps: list(anyObject) }));
export const LEDGER = page(entity('LedgerEntry', object({ position: integer, rowId: nullable(text) })));
