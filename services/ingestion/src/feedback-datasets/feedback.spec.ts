// SPDX-License-Identifier: Apache-2.0
import { selectFeedbackRows, toOpinion, toRow, type Feedback, type Opinion } from './feedback';

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

function select(items: Feedback[], rowsPerRaterMax: number) {
  const byId = new Map(items.map((item) => [item.id, item]));
  const { rows, leftOut } = selectFeedbackRows(items.map(toOpinion), rowsPerRaterMax);
  return { rows: rows.map(({ id, votes }) => toRow(byId.get(id) as Feedback, votes)), leftOut };
}

describe('selectFeedbackRows', () => {
  it('takes corrections and confirmed answers, and counts what it leaves out', () => {
    const { rows, leftOut } = select(
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
    const majority = select([one('a', 'plant'), one('b', 'plant', 'oak tree'), one('c', 'food'), one('c', 'food')], 10);
    expect(majority.rows).toEqual([expect.objectContaining({ label: 'plant', votes: 2 })]);
    expect(majority.leftOut).toEqual({ same_opinion: 2, outvoted: 1 });
    const tie = select([one('a', 'plant'), one('b', 'food')], 10);
    expect(tie).toEqual({ rows: [], leftOut: { tie: 2 } });
  });

  it('caps the rows of one rater, newest first', () => {
    const many = Array.from({ length: 5 }, (_, i) => feedback({ raterHash: 'busy', inputText: `t${i}` }));
    const { rows, leftOut } = select(many, 2);
    expect(rows.map((row) => row.text)).toEqual(['t3', 't4']);
    expect(leftOut).toEqual({ rater_cap: 3 });
  });

  it('does not depend on the order in which feedback came', () => {
    const items = Array.from({ length: 30 }, (_, i) =>
      feedback({ raterHash: `r${i % 7}`, inputText: `t${i % 11}`, correction: `l${i % 3}` }),
    );
    expect(select([...items].reverse(), 3)).toEqual(select(items, 3));
  });

  it('tells long texts and long labels apart by all of them', () => {
    const long = 'x'.repeat(60_000);
    const items = ['a', 'b', 'A'].map((end) => feedback({ inputText: long + end, correction: `${long}${end.toLowerCase()}` }));
    const { rows, leftOut } = select([...items, feedback({ inputText: `${long}a`, correction: `${long}c` })], 3);
    expect(rows.map(({ text, label, votes }) => [text.slice(-1), label.slice(-1), votes]).sort()).toEqual([
      ['A', 'a', 2],
      ['b', 'b', 1],
    ]);
    expect(leftOut).toEqual({ same_opinion: 1, outvoted: 1 });
  });

  it('keeps no long text in memory', () => {
    const { textKey, labelKey } = toOpinion(
      feedback({ inputText: 'x'.repeat(60_000), correction: 'é'.repeat(8_000) }),
    ) as Opinion;
    expect([textKey.length, labelKey.length]).toEqual([144, 144]);
  });

  it('counts a text on which everybody has an opinion', () => {
    const items = Array.from({ length: 100_000 }, (_, i) =>
      feedback({ raterHash: `r${i}`, inputText: 'hello', correction: i % 3 === 0 ? 'greeting' : 'other' }),
    );
    expect(select(items, 3).rows).toMatchObject([{ label: 'other', votes: 66_666 }]);
  });
});
