// SPDX-License-Identifier: Apache-2.0
import { AppError } from '#libs/errors';
import { parseRecipe } from './parse-recipe';

function problems(text: string): string[] {
  try {
    parseRecipe(text);
  } catch (error) {
    expect((error as AppError).code).toBe('DATA_PREP.RECIPE_INVALID');
    return ((error as AppError).details.violations as { field: string; message: string }[]).map(
      ({ field, message }) => `${field}: ${message}`,
    );
  }
  return [];
}

const FULL = `
name: glossary
description: prepare definitions
text_field: text
steps:
  - redact-pii:
  - select: [text, label, word]
  - map: { set: { prompt: "{{ text }}\\nDomain:" }, rename: { label: answer }, remove: [x] }
  - filter: words(text) >= 3
  - filter: { where: "answer in ['animal']", removed_share_max: 0.5 }
  - exact_dedup: { fields: [text], normalise: true }
  - near_dedup: { threshold: 0.8, shingle_words: 3, keep: { max: score } }
  - split: { outputs: { train: 0.8, held-out: 0.2 }, group_by: word, seed: s1 }
`;

describe('parseRecipe', () => {
  it('reads every step with its defaults', () => {
    const recipe = parseRecipe(FULL);
    expect(recipe.name).toBe('glossary');
    expect(recipe.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(recipe.steps.map((step) => [step.kind, step.line])).toEqual([
      ['redact_pii', 6],
      ['select', 7],
      ['map', 8],
      ['filter', 9],
      ['filter', 10],
      ['exact_dedup', 11],
      ['near_dedup', 12],
      ['split', 13],
    ]);
    expect(recipe.steps[6]).toMatchObject({
      field: 'text',
      threshold: 0.8,
      shingleWords: 3,
      keep: { keep: 'max', field: 'score' },
      removedShareMax: 1,
    });
    expect(recipe.steps[7]).toMatchObject({
      outputs: [
        { name: 'train', share: 0.8 },
        { name: 'held-out', share: 0.2 },
      ],
      groupBy: 'word',
      seed: 's1',
      threshold: 0.7,
    });
  });

  it('names an unknown field with its path, its line and the nearest known name', () => {
    const text = 'steps:\n  - select: [a]\n  - filter: "true"\n  - near_dedup:\n      treshold: 0.8\n';
    expect(problems(text)).toEqual(['steps[2].near_dedup.treshold: unknown field; did you mean threshold? (line 5)']);
    expect(() => parseRecipe(text)).toThrow('line 5: steps[2].near_dedup.treshold: unknown field; did you mean threshold?');
  });

  it.each([
    ['', ': must be a mapping with name, description, text_field, steps (line 1)'],
    ['steps: []', 'steps: must have at least one step (line 1)'],
    ['steps: 3', 'steps: must be a list (line 1)'],
    ['steps:\n- near_dedupe: {}', 'steps[0].near_dedupe: unknown step; did you mean near_dedup? (line 2)'],
    ['steps:\n- {select: [a], filter: "true"}', 'steps[0]: must be one step'],
    ['steps:\n- select: []', 'steps[0].select: must name at least one field (line 2)'],
    ['steps:\n- map: {}', 'steps[0].map: does nothing'],
    ['steps:\n- map: {set: {__proto__: x}}', 'steps[0].map.set.__proto__: "__proto__" is reserved'],
    ['steps:\n- map: {set: {a: "{{b | lowr}}"}}', 'steps[0].map.set.a: unknown filter lowr; did you mean lower? (line 2)'],
    ['steps:\n- filter: "lenght(text) > 3"', 'steps[0].filter: unknown function lenght; did you mean length?'],
    ['steps:\n- redact_pii: {types: [emial]}', 'steps[0].redact_pii.types[0]: unknown type; did you mean email?'],
    ['steps:\n- near_dedup: {threshold: 0.2}', 'steps[0].near_dedup.threshold: must be a number between 0.5 and 1 (line 2)'],
    ['steps:\n- near_dedup: {threshold: "0.8"}', 'steps[0].near_dedup.threshold: must be a number'],
    ['steps:\n- near_dedup: {keep: frist}', 'steps[0].near_dedup.keep: must be one of first, longest; did you mean first?'],
    ['steps:\n- split: {outputs: {a: 0.5, b: 0.4}}', 'steps[0].split.outputs: the shares add up to 0.9, not 1'],
    ['steps:\n- split: {outputs: {A b: 0.5, b: 0.5}}', 'steps[0].split.outputs.A b: must be lower-case'],
    ['steps:\n- split: {outputs: {a: 0.5, b: 0.5}}\n- select: [x]', 'steps[0].split: must be the last step (line 2)'],
    ['steps:\n- exact_dedup: {normalise: 1}', 'steps[0].exact_dedup.normalise: must be true or false'],
    ['step: []', 'step: unknown field; did you mean steps? (line 1)'],
    ['steps:\n- select: [a]\n- select: [a]\nsteps: []', 'unique'],
    ['steps: [', 'line'],
    ['a: &a [x]\nsteps: *a', 'a: unknown field'],
    [`name: ${'x'.repeat(70_000)}`, 'longer than 65536'],
  ])('%j is refused', (text, message) => expect(problems(text).join('\n')).toContain(message));

  it('reports all problems at once', () => {
    expect(problems('steps:\n- near_dedup: {treshold: 1, keep: last}\n- foo: {}\n')).toHaveLength(3);
  });

  // Composed as the first recipe of a process, the third one ended it: V8 could not compile a regular expression at the end of the stack.
  it.each([
    ['lists', `steps:\n  - select: ${'['.repeat(30_000)}`],
    ['maps', '{a: '.repeat(16_000)],
    ['lists that are closed', '['.repeat(30_000) + ']'.repeat(30_000)],
    ['lists in one line', '- '.repeat(30_000)],
    ['keys', '? '.repeat(30_000)],
    ['values', ': '.repeat(30_000)],
  ])('refuses endlessly nested %s before it composes them', (_what, nested) => {
    expect(problems(nested)).toEqual([': the recipe nests deeper than 32 levels (line 1)']);
  });
});
