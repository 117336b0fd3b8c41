// SPDX-License-Identifier: Apache-2.0
import { RowCheck } from './row-check';
import { parseTemplate, type Template } from './template';

const template = (source: string): Template => parseTemplate(source, 'x', []) as Template;
const makeCheck = (labels: string[] = []): RowCheck =>
  new RowCheck({
    field: 'inputs[0]',
    prompt: template('{text}:'),
    answer: template(' {label}'),
    labels: new Set(labels),
    violationsMax: 2,
  });

describe('RowCheck', () => {
  it('turns rows into prompts and answers and counts answers', () => {
    const check = makeCheck();
    expect(check.read('{"_row_id":"r1","text":"an oak","label":"plant"}')).toEqual({
      rowId: 'r1',
      prompt: 'an oak:',
      answer: ' plant',
    });
    expect(check.read('{"text":1,"label":true}')).toEqual({ rowId: '', prompt: '1:', answer: ' true' });
    expect(check.violations()).toEqual([]);
    expect([...check.answers]).toEqual([
      ['plant', 1],
      ['true', 1],
    ]);
  });

  it('counts answers that are labels: the first ten thousand, each by its beginning', () => {
    const check = makeCheck();
    const long = `${'x'.repeat(199)}${'\u{1f600}'.repeat(1_000)}`;
    for (let i = 0; i < 2; i += 1) check.read(JSON.stringify({ text: 'a', label: long }));
    for (let i = 0; i < 10_005; i += 1) check.read(JSON.stringify({ text: 'a', label: `answer ${i}` }));
    expect(check.answers.size).toBe(10_000);
    expect([...check.answers][0]).toEqual([`${'x'.repeat(199)}\ufffd`, 2]);
    expect(check.violations()).toEqual([]);
  });

  it('refuses a row of which its templates make megabytes, before they do', () => {
    const check = new RowCheck({
      field: 'inputs[0]',
      prompt: template('{text}'.repeat(1_600)),
      answer: template('{label}'),
      labels: new Set(),
      violationsMax: 2,
    });
    const row = JSON.stringify({ _row_id: 'r1', text: 'x'.repeat(1_000_000), label: 'y' });
    expect(check.read(row)).toBeUndefined();
    expect(check.violations()).toEqual([
      { field: 'inputs[0].rows[1]', message: 'becomes more than 4194304 characters of prompt and answer (row id r1)' },
    ]);
  });

  it('counts every faulty row and lists the first ones with number, id and column', () => {
    const check = makeCheck(['plant']);
    for (const line of [
      '{"text":"an oak","label":"plant"}',
      '[1]',
      'nonsense',
      '{"_row_id":"r4","text":"a dog","label":"animal"}',
    ])
      check.read(line);
    expect(check.faultCount).toBe(3);
    expect(check.violations()).toEqual([
      { field: 'inputs[0].rows[2]', message: 'is not an object' },
      { field: 'inputs[0].rows[3]', message: expect.stringMatching(/^is not JSON/) },
    ]);
  });

  it('says once that no row has a column, instead of once per row', () => {
    const check = makeCheck();
    check.read('{"_row_id":"r1","definition":"an oak","label":"plant"}');
    check.read('{"_row_id":"r2","definition":"a dog","label":"animal"}');
    expect(check.violations()).toEqual([
      { field: 'inputs[0].promptTemplate', message: 'unknown column "text"; rows have definition, label' },
    ]);
  });

  it('refuses a version without rows, and inherited names as columns', () => {
    expect(makeCheck().violations()).toEqual([{ field: 'inputs[0]', message: 'the dataset version has no rows' }]);
    const check = new RowCheck({
      field: 'i',
      prompt: template('{toString}'),
      answer: template('{label}'),
      labels: new Set(),
      violationsMax: 5,
    });
    expect(check.read('{"label":"x"}')).toBeUndefined();
  });
});
