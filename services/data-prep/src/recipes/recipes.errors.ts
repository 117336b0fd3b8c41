// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

export const RecipeErrors = defineErrors('DATA_PREP', {
  RECIPE_INVALID: { kind: 'invalid', retry: 'never', help: 'The recipe has problems; each is listed with its path and line.' },
  RECIPE_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such recipe in this workspace.' },
  RUN_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such recipe run in this workspace.' },
  RUN_FINISHED: { kind: 'precondition', retry: 'never', help: 'The recipe run already ended and cannot be cancelled.' },
  RUN_CANCELLED: { kind: 'cancelled', retry: 'never', help: 'The recipe run was stopped by a user.' },
  TOO_MANY_REMOVED: {
    kind: 'precondition',
    retry: 'never',
    help: 'A step would remove a larger share of the rows than its removed_share_max allows; nothing was written.',
  },
  NOTHING_KEPT: { kind: 'precondition', retry: 'never', help: 'The recipe leaves no row for an output; nothing was written.' },
  INPUT_TOO_LARGE: { kind: 'exhausted', retry: 'never', help: 'The input has more rows than RECIPE_ROWS_MAX.' },
  ROW_TOO_COSTLY: {
    kind: 'invalid',
    retry: 'never',
    help: 'A step takes too long for one row, or makes too much text of it; nothing was written.',
  },
  TEXT_TOO_LARGE: { kind: 'exhausted', retry: 'never', help: 'The map steps make more text than one run may write.' },
  INPUT_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'The dataset version to read does not exist in this workspace.' },
});
