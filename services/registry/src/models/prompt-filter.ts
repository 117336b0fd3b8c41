// SPDX-License-Identifier: Apache-2.0
import type { FilterClause } from '../mlflow/filter';
import { PROMPT_TAG } from './model';

/**
 * True when a registry search asks for prompts: `tags.mlflow.prompt.is_prompt = 'true'` or `!= 'false'`. Any other search
 * excludes prompts, and a clause on the tag that does not ask for them (`!= 'true'`) matches models without the tag too.
 */
export function asksForPrompts(clauses: readonly FilterClause[]): boolean {
  const clause = clauses.find(({ entity, key }) => entity === 'tag' && key === PROMPT_TAG);
  if (!clause) return false;
  const value = String(clause.value).toLowerCase();
  return (clause.comparator === '=' && value === 'true') || (clause.comparator === '!=' && value === 'false');
}
