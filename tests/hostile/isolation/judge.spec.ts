// SPDX-License-Identifier: Apache-2.0
import { isEmpty, judge, type Asked, type Expected, type Outcome } from './judge';

const found = { job: 'job-0000000001', rowText: 'a furry animal', short: 'x1' };
const ok = (value: unknown): Outcome => ({ kind: 'ok', status: '200', text: JSON.stringify(value), value });
const notFound = (text = 'not found'): Outcome => ({ kind: 'not-found', status: '404', text });
const denied: Outcome = { kind: 'denied', status: '403', text: 'no' };

const one: Asked = {
  said: '/jobs/job-0000000001',
  namesThing: true,
  own: ok({ id: 'job-0000000001' }),
  foreign: notFound(),
  across: denied,
};
const list: Asked = {
  said: '/jobs',
  namesThing: false,
  own: ok({ items: [{ id: 'job-0000000001' }] }),
  foreign: ok({ items: [], nextPageToken: '' }),
  across: denied,
};
const faults = (asked: Asked, expected: Expected = {}): number => judge(expected, asked, found).length;

describe('judging what a stranger got', () => {
  it('finds nothing wrong with "not found", an empty list, and an error that repeats the request', () => {
    expect(judge({}, one, found)).toEqual([]);
    expect(judge({}, list, found)).toEqual([]);
    expect(judge({}, { ...one, foreign: notFound('job job-0000000001 does not exist') }, found)).toEqual([]);
  });

  it('finds the whole thing, although the request names it', () => {
    expect(faults({ ...one, foreign: one.own })).toBe(2);
    expect(faults({ ...one, foreign: ok({ state: 'running' }) })).toBe(1);
  });

  it('finds one leaked row, one leaked word, one leaked number', () => {
    expect(faults({ ...list, foreign: ok({ items: [{ id: 'other' }] }) })).toBe(1);
    expect(faults({ ...one, foreign: notFound('no job about a furry animal') })).toBe(1);
    expect(faults({ ...list, foreign: ok({ items: [], total: 3 }) })).toBe(1);
  });

  it('finds an error of ours, a page without structure, and a door that does not refuse the token', () => {
    expect(faults({ ...list, foreign: { kind: 'other', status: '500', text: '' } })).toBe(1);
    expect(faults({ ...list, foreign: { kind: 'ok', status: '200', text: 'a,b' } })).toBe(1);
    expect(faults({ ...one, across: notFound() })).toBe(1);
  });

  it('finds a stale case: an owner who is refused, sees nothing, or sees a mark that was said not to be there', () => {
    expect(faults({ ...one, own: { kind: 'other', status: '400', text: 'no such field' } })).toBe(1);
    expect(faults({ ...list, own: ok({ items: [] }) }, { ownerSeesNoMark: 'figures' })).toBe(1);
    expect(faults(list, { ownerSeesNoMark: 'figures' })).toBe(1);
    expect(faults(list, { ownerSeesNothing: 'none there' })).toBeGreaterThan(0);
    expect(faults({ ...list, own: ok({ items: [{ id: 'x1' }] }) })).toBe(1);
  });

  it('lets a stranger see what is the stranger’s own, and nothing else', () => {
    const own = { stranger: { gets: 'own', because: 'each has one' } } as const;
    expect(faults({ ...list, foreign: ok({ items: ['Default'] }) }, own)).toBe(0);
    expect(faults({ ...list, foreign: ok({ items: ['Default', 'a furry animal'] }) }, own)).toBe(1);
    const figures = ok({ count: 3 });
    expect(faults({ ...list, own: figures, foreign: figures }, { ...own, ownerSeesNoMark: 'counts' })).toBe(1);
  });

  it('takes zeros and empty texts for nothing, at any depth', () => {
    expect(isEmpty({ items: [], nextPageToken: '', totals: { count: '0', share: 0 } })).toBe(true);
    expect(isEmpty({ items: [{}], more: true })).toBe(false);
    expect(isEmpty([0, [1]])).toBe(false);
  });
});
