// SPDX-License-Identifier: Apache-2.0
import { inputKeyOf } from './normalise-input';

describe('input key', () => {
  it('ignores case, spacing and punctuation, nothing else', () => {
    expect(inputKeyOf('A small  Dog,\n kept!')).toBe(inputKeyOf('a small dog kept'));
    expect(inputKeyOf('a small dog')).not.toBe(inputKeyOf('a small cat'));
    expect(inputKeyOf(' -- ')).toBe('');
  });
});
