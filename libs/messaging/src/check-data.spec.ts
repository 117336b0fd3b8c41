// SPDX-License-Identifier: Apache-2.0
import { Events } from '#libs/contracts';
import { checkData } from './check-data';

describe('check data', () => {
  const good = { jobId: 'j', attempt: 1, step: '7', loss: 0.5 };
  const refusal = (json: object): string | undefined => {
    try {
      checkData(Events.JobProgressed.fromJSON(json), json);
    } catch (error) {
      return (error as { details: { field: string } }).details.field;
    }
    return undefined;
  };

  it.each([
    ['a NUL', { ...good, jobId: 'a\0b' }, 'data.jobId'],
    ['an object for a text', { ...good, jobId: { a: 1 } }, 'data.jobId'],
    ['a word for a number', { ...good, attempt: 'many' }, 'data.attempt'],
  ])('refuses %s, naming the field', (_name, json, field) => {
    expect(refusal(json)).toBe(field);
  });

  it.each([[[1, 2, 3]], ['a word'], [7], [true]])(
    'refuses %j where an object belongs: it would be an event without fields',
    (json) => {
      expect(() => checkData(Events.JobProgressed.fromJSON(json), json)).toThrow('data must be an object');
    },
  );

  it('refuses a time that is none', () => {
    const json = { modelName: 'm', moveTime: 'yesterday' };
    expect(() => checkData(Events.AliasMoved.fromJSON(json), json)).toThrow('data.moveTime must be a time');
  });

  it('takes what proto3 JSON allows: missing fields, numbers for 64 bit text, NaN by its name, unknown fields', () => {
    expect(refusal(good)).toBeUndefined();
    expect(refusal({ step: 7, loss: 'NaN', later: { deep: ['\0'] } })).toBeUndefined();
  });
});
