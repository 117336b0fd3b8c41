// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from './failure';
import { readFineTuneSpec } from './fine-tune-spec';
import { resolveHyperparameters, tinyLmHyperparameters } from './hyperparameters';
import { parseTemplate } from './template';

const trainers = new Map([['tiny-lm', tinyLmHyperparameters]]);
const given = {
  registeredModelName: 'triage',
  baseModel: 'tiny-base',
  inputs: [{ datasetVersion: 'definitions/latest' }],
  promptTemplate: '{text}\nDomain:',
  answerTemplate: ' {label}',
};

describe('readFineTuneSpec', () => {
  it('fills in defaults: names, role, templates of inputs, settings', () => {
    const violations: JobViolation[] = [];
    const spec = readFineTuneSpec(given, trainers, violations);
    expect(violations).toEqual([]);
    expect(spec).toMatchObject({ displayName: 'triage', experimentName: 'triage', trainer: 'tiny-lm', priority: 0, labels: [] });
    expect(spec.inputs).toEqual([
      {
        datasetVersion: 'definitions/latest',
        role: 'train',
        weight: 0,
        promptTemplate: '{text}\nDomain:',
        answerTemplate: ' {label}',
      },
    ]);
    expect(spec.hyperparameters).toMatchObject({ method: 'full', steps: 1200, tokenDropout: 0.15 });
  });

  it('collects every fault by field instead of stopping at the first', () => {
    const violations: JobViolation[] = [];
    const wrong = {
      ...given,
      registeredModelName: '../x',
      trainer: 'tiny-ml',
      labels: ['a', ' ', 'x'.repeat(501)],
      priority: 1000,
      inputs: [{ datasetVersion: 'a b' }, 7],
    };
    readFineTuneSpec(wrong, trainers, violations);
    expect(violations.map((violation) => violation.field)).toEqual([
      'inputs[0].datasetVersion',
      'inputs[1]',
      'inputs[1].datasetVersion',
      'registeredModelName',
      'trainer',
      'labels[1]',
      'labels[2]',
      'priority',
    ]);
    expect(violations.find((violation) => violation.field === 'trainer')?.message).toBe('unknown trainer; did you mean tiny-lm?');
  });
});

describe('resolveHyperparameters', () => {
  it('reads text as gRPC sends it, and "auto" as the default', () => {
    const violations: JobViolation[] = [];
    expect(
      resolveHyperparameters(tinyLmHyperparameters, { steps: '7', learningRate: '1e-3', seed: 'auto' }, violations),
    ).toMatchObject({
      steps: 7,
      learningRate: 0.001,
      seed: 1,
    });
    expect(violations).toEqual([]);
  });

  it.each([
    ['steps', 1.5, 'must be a whole number, got 1.5'],
    ['steps', '', 'must be a whole number, got ""'],
    ['learningRate', Number.NaN, 'must be a number, got null'],
    ['tokenDropout', 0.95, 'must be from 0 to 0.9, got 0.95'],
    ['constructor', 1, expect.stringContaining('unknown setting')],
  ])('refuses %s = %p', (name, value, message) => {
    const violations: JobViolation[] = [];
    resolveHyperparameters(tinyLmHyperparameters, { [name]: value }, violations);
    expect(violations).toEqual([{ field: `hyperparameters.${name}`, message }]);
  });
});

describe('parseTemplate', () => {
  it('renders columns, text and doubled braces', () => {
    const template = parseTemplate('{{{text}}} is {n}?', 'promptTemplate', []);
    expect(template?.columns).toEqual(['text', 'n']);
    expect(template?.render({ text: 'a {n} $& rose', n: 3 })).toBe('{a {n} $& rose} is 3?');
  });

  it.each([
    ['', /is required/],
    ['no column', /names no column/],
    ['{text', /position 1: unbalanced/],
    ['{te xt}', /is no column name/],
    ['a}', /position 2: unbalanced/],
  ])('refuses %p', (source, message) => {
    const violations: JobViolation[] = [];
    expect(parseTemplate(source, 'promptTemplate', violations)).toBeUndefined();
    expect(violations).toEqual([{ field: 'promptTemplate', message: expect.stringMatching(message) }]);
  });
});
