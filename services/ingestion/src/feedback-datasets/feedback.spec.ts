// SPDX-License-Identifier: Apache-2.0
import { selectFeedbackRows, type Feedback } from './feedback';

let sequence = 0;
function feedback(change: Partial<Feedback>): Feedback {
  sequence += 1;
  return {
    id: `f-${String(sequence).padStart(4, '0')}`,
    workspace: 'default',
    inferenceId: `i-${sequence}`,
    modelName: 'm',
    modelVersion: 1,
    metric: 'correct',
    value: false,
    correction: 'plant',
    inputText: `text ${sequence}`,
    outputText: 'animal',
    raterHash: `r-${sequence}`,
    occurredTime: new Date(1_700_000_000_000 + sequence * 1000),
    ...change,
  };
}

describe('selectFeedbackRows', () => {
  it('takes corrections and confirmed answers, and counts what it leaves out', () => {
    const { rows, leftOut } = selectFeedbackRows(
      [
        feedback({ inputText: 'a rose', correction: 'plant' }),
        feedback({ inputText: 'a cat', value: true, correction: '', outputText: 'animal' }),
        feedback({ inputText: 'a dog', value: false, correction: '' }),
        feedback({ inputText: ' ', correction: 'plant' }),
      ],
      10,
    );
    expect(rows.map((row) => [row.text, row.label, row.origin])).toEqual([
      ['a cat', 'animal', 'confirmation'],
      ['a rose', 'plant', 'correction'],
    ]);
    expect(leftOut).toEqual({ no_label: 1, no_input: 1 });
  });

  it('lets the majority of raters decide, one voice each, and drops a tie', () => {
    const one = (raterHash: string, correction: string, inputText = 'Oak  tree') =>
      feedback({ inputText, raterHash, correction });
    const majority = selectFeedbackRows(
      [one('a', 'plant'), one('b', 'plant', 'oak tree'), one('c', 'food'), one('c', 'food')],
      10,
    );
    expect(majority.rows).toEqual([expect.objectContaining({ label: 'plant', votes: 2 })]);
    expect(majority.leftOut).toEqual({ same_opinion: 2, outvoted: 1 });
    const tie = selectFeedbackRows([one('a', 'plant'), one('b', 'food')], 10);
    expect(tie).toEqual({ rows: [], leftOut: { tie: 2 } });
  });

  it('caps the rows of one rater, newest first', () => {
    const many = Array.from({ length: 5 }, (_, i) => feedback({ raterHash: 'busy', inputText: `t${i}` }));
    const { rows, leftOut } = selectFeedbackRows(many, 2);
    expect(rows.map((row) => row.text)).toEqual(['t3', 't4']);
    expect(leftOut).toEqual({ rater_cap: 3 });
  });

  it('does not depend on the order in which feedback came', () => {
    const items = Array.from({ length: 30 }, (_, i) =>
      feedback({ raterHash: `r${i % 7}`, inputText: `t${i % 11}`, correction: `l${i % 3}` }),
    );
    expect(selectFeedbackRows([...items].reverse(), 3)).toEqual(selectFeedbackRows(items, 3));
  });

  it('counts a text on which everybody has an opinion', () => {
    const items = Array.from({ length: 100_000 }, (_, i) =>
      feedback({ raterHash: `r${i}`, inputText: 'hello', correction: i % 3 === 0 ? 'greeting' : 'other' }),
    );
    expect(selectFeedbackRows(items, 3).rows).toMatchObject([{ label: 'other', votes: 66_666 }]);
  });
});
