// SPDX-License-Identifier: Apache-2.0
import { parseFeedback } from './feedback-draft';

describe('parse feedback', () => {
  const envelope = { workspace: 'default', source: 'shop', id: 'e1', time: new Date('2026-11-23T10:00:00Z') };
  const good = {
    target: { kind: 'inference', id: 'i1' },
    metric: 'correct',
    value: false,
    correction: ' plant ',
    rater: { id: 'u1' },
  };
  const faults = (data: unknown): string[] => {
    try {
      parseFeedback(data, envelope);
    } catch (error) {
      return (error as { details: { violations: { field: string }[] } }).details.violations.map((violation) => violation.field);
    }
    return [];
  };

  it('reads a correction', () => {
    expect(parseFeedback(good, envelope)).toMatchObject({
      inferenceId: 'i1',
      value: false,
      correction: 'plant',
      raterId: 'u1',
      raterKind: 'human_end_user',
      occurredTime: envelope.time,
    });
  });

  it.each([
    [{ occurredAt: '2026-11-23T09:00:00Z' }],
    [{ occurred_at: '2026-11-23T09:00:00Z' }],
    [{ occurred_at: '2026-11-23T09:00:00Z', occurredAt: '2026-11-23T08:00:00Z' }],
  ])('reads the time from %j', (times) => {
    expect(parseFeedback({ ...good, ...times }, envelope).occurredTime).toEqual(new Date('2026-11-23T09:00:00Z'));
  });

  it('names every wrong field at once', () => {
    expect(faults({ target: { kind: 'episode' }, metric: 'a b', value: {}, rater: {}, colour: 1, occurred_at: 'soon' })).toEqual([
      'colour',
      'target.kind',
      'metric',
      'target.id',
      'value',
      'rater.id',
      'occurred_at',
    ]);
  });

  it.each([
    ['no object', 'text', ['data']],
    ['null', null, ['data']],
    ['no rater', { ...good, rater: undefined }, ['rater']],
    ['a value of nothing', { ...good, value: undefined }, ['value']],
    ['a value that is no number', { ...good, value: Number.NaN }, ['value']],
    ['a NUL', { ...good, comment: 'a\0b' }, ['comment']],
    ['a novel', { ...good, correction: 'x'.repeat(9000) }, ['correction']],
    ['a time before 1970', { ...good, occurred_at: '-271821-04-20T00:00:00Z' }, ['occurred_at']],
    ['a time that is none', { ...good, occurred_at: 'Invalid Date' }, ['occurred_at']],
    ['a wrong second time', { ...good, occurred_at: '2026-11-23T09:00:00Z', occurredAt: 'AAA' }, ['occurredAt']],
    ['a far future', { ...good, occurred_at: '2027-11-23T10:00:00Z' }, ['occurred_at']],
  ])('refuses %s', (_name, data, fields) => {
    expect(faults(data)).toEqual(fields);
  });
});
