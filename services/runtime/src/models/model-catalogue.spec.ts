// SPDX-License-Identifier: Apache-2.0
import { ModelCatalogue } from './model-catalogue';

const entry = (id: string, manifestDigest: string, aliases: string[] = []) => ({
  id,
  manifestDigest,
  aliases,
  createTime: new Date(0),
});
const model = (memoryBytes: number) => ({ files: {}, memoryBytes });

describe('model catalogue', () => {
  it('resolves ids and aliases, and says what it does not know', () => {
    const catalogue = new ModelCatalogue(100);
    catalogue.put(entry('b-v1', 'd1', ['b']));
    catalogue.put(entry('a-v1', 'd2'));
    expect(catalogue.resolve('b').id).toBe('b-v1');
    expect(catalogue.list().map(({ id }) => id)).toEqual(['a-v1', 'b-v1']);
    expect(() => catalogue.resolve('c')).toThrow(expect.objectContaining({ code: 'RUNTIME.MODEL_NOT_FOUND' }));
  });

  it.each([
    ['a-v1', 'd9', [], 'a-v1'],
    ['new', 'd9', ['a'], 'a'],
    ['a', 'd1', [], 'a'],
    ['new', 'd9', ['a-v1'], 'a-v1'],
  ])('refuses %s with digest %s and aliases %j because %s is taken', (id, digest, aliases, taken) => {
    const catalogue = new ModelCatalogue(100);
    catalogue.put(entry('a-v1', 'd1', ['a']));
    expect(() => catalogue.assertFree(id, digest, aliases)).toThrow(
      expect.objectContaining({ code: 'RUNTIME.MODEL_ID_TAKEN', details: expect.objectContaining({ id: taken }) }),
    );
    expect(() => catalogue.assertFree('a-v1', 'd1', ['a'])).not.toThrow();
  });

  it('lets the least recently used models leave when a new one needs room', () => {
    const catalogue = new ModelCatalogue(100);
    for (const digest of ['d1', 'd2', 'd3']) expect(catalogue.admit(digest, model(30))).toEqual([]);
    expect(catalogue.use('d1')).toBeDefined();
    expect(catalogue.admit('d4', model(60))).toEqual(['d2', 'd3']);
    expect([catalogue.isResident('d1'), catalogue.residentCount, catalogue.memoryBytes, catalogue.latestResident]).toEqual([
      true,
      2,
      90,
      'd4',
    ]);
    expect(catalogue.use('d2')).toBeUndefined();
  });

  it('refuses a model that cannot fit, and keeps the others', () => {
    const catalogue = new ModelCatalogue(100);
    catalogue.admit('d1', model(90));
    expect(() => catalogue.admit('d2', model(101))).toThrow(expect.objectContaining({ code: 'RUNTIME.MODEL_TOO_LARGE' }));
    expect(catalogue.isResident('d1')).toBe(true);
  });

  it('frees memory with the last id of a digest', () => {
    const catalogue = new ModelCatalogue(100);
    catalogue.put(entry('a-v1', 'd1'));
    catalogue.put(entry('copy', 'd1'));
    catalogue.admit('d1', model(50));
    expect(catalogue.remove('copy')).toEqual({ wasKnown: true });
    expect(catalogue.remove('a-v1')).toEqual({ wasKnown: true, unused: 'd1' });
    expect(catalogue.remove('a-v1')).toEqual({ wasKnown: false });
    expect(catalogue.memoryBytes).toBe(0);
  });
});
