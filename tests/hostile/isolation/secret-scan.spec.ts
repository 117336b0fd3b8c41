// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretScan } from './secret-scan';

const secret = 'canary-of-this-spec-5f1c9e';
const scan = (): SecretScan => new SecretScan({ canary: secret });
const leaksIn = (text: string): string[] => {
  const one = scan();
  one.look('a text', text);
  return [...one.leaks];
};

describe('the scan for secrets', () => {
  it('finds a secret in the middle of a text, and nothing in a text without one', () => {
    expect(leaksIn(`{"authorization":"Bearer ${secret}"}`)).toEqual(['canary in a text']);
    expect(leaksIn('{"authorization":"***"}')).toEqual([]);
  });

  it.each(['', 'm', 'me', 'me:', 'user:'])('finds it in base64 behind %j', (before) => {
    for (const behind of ['', 'z', 'zz'])
      expect(leaksIn(`Basic ${Buffer.from(before + secret + behind).toString('base64')}`)).toEqual(['canary in a text']);
  });

  it('finds keys and tokens that it was never told', () => {
    expect(leaksIn(`key sk-mr-${'Ab1_'.repeat(8)}.`)).toEqual(['an API key in a text']);
    expect(leaksIn('the key starts with sk-mr-Ab1_')).toEqual([]);
    expect(leaksIn(`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.${'s'.repeat(43)}`)).toEqual(['a signed token in a text']);
  });

  it('finds it in any file of a folder, also across the reads of a large binary one, but not in what it shall skip', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-scan-'));
    try {
      mkdirSync(join(folder, 'work', 'gateway'), { recursive: true });
      const bytes = Buffer.alloc((1 << 20) + 500, 0xff);
      bytes.write(secret, (1 << 20) - 7, 'latin1');
      writeFileSync(join(folder, 'work', 'gateway', 'journal'), bytes);
      writeFileSync(join(folder, 'secrets.json'), secret);
      const one = scan();
      one.lookAtFolder(folder, ['secrets.json']);
      expect([...one.leaks]).toEqual(['canary in file work/gateway/journal']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses a secret that would be found by chance', () => {
    expect(() => new SecretScan({ short: 'abc' })).toThrow('short is too short');
  });
});
