// SPDX-License-Identifier: Apache-2.0
import { RecipeErrors } from './recipes.errors';

/** Longest text that a template or a "+" makes: four times the longest row that ingestion takes unless it is told otherwise. */
const TEXT_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Steps of patterns for one row and one filter: about a quarter of a second, in which nobody else has a turn. */
const PATTERN_STEPS_MAX = 20_000_000;

/** Refuses a text before it is made. A few templates could else make gigabytes of a row. */
export function assertTextFits(characters: number): void {
  if (characters <= TEXT_CHARACTERS_MAX) return;
  throw RecipeErrors.ROW_TOO_COSTLY(`the recipe makes a text of more than ${TEXT_CHARACTERS_MAX} characters of a row`);
}

/** What the patterns of a filter may still cost for the row at hand. Counted and not timed: a second try ends as the first one did. */
export class PatternBudget {
  private left = PATTERN_STEPS_MAX;

  renew(): void {
    this.left = PATTERN_STEPS_MAX;
  }

  spend(steps: number): void {
    this.left -= steps;
    if (this.left >= 0) return;
    throw RecipeErrors.ROW_TOO_COSTLY(`the patterns of a filter take more than ${PATTERN_STEPS_MAX} steps for a row`);
  }
}
