// SPDX-License-Identifier: Apache-2.0
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { orInterrupted } from '#libs/testing';
import type { RecipeRow } from '../recipes/recipe-rows';
import { countTokens } from './count-tokens';
import { distributionOf, NumberList } from './distributions';
import { KeyInventory } from './key-inventory';
import type { Profile } from './profile';
import { ProfileBuilder } from './profile-builder';
import { reportPage } from './report-page';

const input = {
  dataset: { name: 'glossary', versionId: 'v1', version: 1, contentDigest: 'abc' },
  bytes: 1000,
  quarantined: { rows: 3, byReason: { invalid_json: 3 } },
};

async function profileOf(data: Record<string, unknown>[]): Promise<Profile> {
  const builder = new ProfileBuilder({ nearDuplicateRowsMax: 1000, shingleWords: 5, threshold: 0.7 });
  builder.add(data.map((row, ordinal): RecipeRow => ({ id: `r${ordinal}`, ordinal, data: row })));
  return builder.finish(input, [], new Date('2026-01-02T03:04:05Z'));
}

const listOf = (values: number[]) => {
  const list = new NumberList();
  values.forEach((value) => list.push(value));
  return list;
};

describe('distributionOf', () => {
  it('is exact: mean, deviation, interpolated quantiles and bins that add up', () => {
    const distribution = distributionOf(listOf([1, 2, 3, 4]));
    expect(distribution).toMatchObject({ count: 4, min: 1, max: 4, mean: 2.5, quantiles: { p25: 1.75, p50: 2.5 }, exact: true });
    expect(distribution?.standardDeviation).toBeCloseTo(Math.sqrt(1.25), 12);
    expect(distribution?.histogram.counts).toEqual([1, 1, 1, 1]);
  });

  it.each([[[5]], [[0, 0, 0]], [[0.1, 0.9, 0.5]], [[-3, 100]], [[...Array(100).keys(), 100_000]]])(
    'counts every value of %j once',
    (values) => {
      const histogram = distributionOf(listOf(values))?.histogram;
      expect(histogram?.counts.reduce((x, y) => x + y, 0)).toBe(values.length);
      expect(histogram?.edges.length).toBe((histogram?.counts.length ?? 0) + 1);
    },
  );

  it('uses doubling bins for long tails and nothing for nothing', () => {
    expect(distributionOf(listOf([...Array(100).fill(3), 5_000]))?.histogram.scale).toBe('log');
    expect(distributionOf(new NumberList())).toBeUndefined();
  });
});

describe('ProfileBuilder', () => {
  it('keeps the beginnings of texts, and not with them the texts', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const builder = new ProfileBuilder({ nearDuplicateRowsMax: 1000, shingleWords: 5, threshold: 0.7 });
    const add = (count: number): void => {
      for (let i = 0; i < count; i += 1) {
        const line = JSON.stringify({ text: `text ${i} ${'word '.repeat(200_000)}`, label: `label ${i} ${'x'.repeat(100_000)}` });
        builder.add([{ id: `r${i}`, ordinal: i, data: JSON.parse(line) as Record<string, unknown> }]);
      }
    };
    add(5);
    collect();
    const before = process.memoryUsage().heapUsed;
    add(60);
    collect();
    // 66 MB of texts came by.
    expect((process.memoryUsage().heapUsed - before) / 1e6).toBeLessThan(30);
  });
});

describe('countTokens', () => {
  it('takes special tokens as text', () => {
    expect(countTokens('hello <|endoftext|> world').tokens).toBeGreaterThan(5);
  });

  it.each(['a', ' ', '\n', '\t', '\u3000'])('does not hang on an unbroken run of %j', (character) => {
    const unbroken = character.repeat(1_000_000);
    expect(orInterrupted(() => countTokens(unbroken))).toEqual({ tokens: expect.any(Number), exact: false });
  });
});

describe('KeyInventory', () => {
  it('counts presence and types by path, also for keys that come late', () => {
    const inventory = new KeyInventory();
    inventory.add({ a: 1, m: { x: 'y' }, list: [{ role: 'u' }, { role: 's' }] });
    inventory.add({ a: null });
    inventory.add({ a: 'text', late: true });
    const keys = Object.fromEntries(inventory.finish().keys.map((key) => [key.path, key]));
    expect(keys.a).toMatchObject({ present: 2, missing: 1, types: { integer: 1, null: 1, text: 1 } });
    expect(keys.late).toMatchObject({ present: 1, missing: 2, types: { boolean: 1 } });
    expect(keys['m.x'].types).toEqual({ text: 1 });
    expect(keys['list[].role']).toMatchObject({ present: 1, types: { text: 2 } });
  });

  it('is bounded in paths and says how many it left out', () => {
    const inventory = new KeyInventory();
    for (let i = 0; i < 700; i++) inventory.add({ [`k${i}`]: i });
    expect(inventory.finish().keys).toHaveLength(500);
    expect(inventory.finish().leftOut).toBe(200);
  });
});

describe('profile', () => {
  const base = 'the quick brown fox jumps over the lazy dog and then runs far away from the noisy little town';
  const rows = [
    { text: base, label: 'animal', n: 1 },
    { text: base, label: 'animal', n: 1 },
    { text: `${base} today`, label: 'animal', n: 2 },
    { text: 'write to ada@example.org or bob@example.org', label: 'person', n: null },
    { text: 'a fruit', label: 'food', n: 'many' },
  ];

  it('counts copies, near copies, labels, findings and says what is exact', async () => {
    const profile = await profileOf(rows);
    expect(profile.rows).toBe(5);
    expect(profile.duplicates.exact).toEqual({ removed: 1, removedShare: 0.2, groups: 1, exact: true });
    expect(profile.duplicates.near).toMatchObject({
      field: 'text',
      removed: 2,
      exact: true,
      groupSizes: [{ size: 3, groups: 1 }],
    });
    expect(profile.labels?.counts[0]).toEqual({ label: 'animal', count: 3, share: 0.6 });
    expect(profile.pii).toEqual([
      { type: 'EMAIL', rows: 1, findings: 2, samples: [{ rowId: 'r3', field: 'text', value: 'a***@e***.org' }] },
    ]);
    expect(profile.text?.words).toMatchObject({ min: 2, max: 20 });
    expect(profile.alerts.map((alert) => alert.code)).toEqual(
      expect.arrayContaining(['quarantined-rows', 'mixed-types', 'exact-duplicates', 'near-duplicates', 'personal-data']),
    );
    expect(profile.alerts[0].severity).toBe('high');
  });

  it('never holds a whole personal value', async () => {
    const profile = await profileOf(rows);
    expect(JSON.stringify(profile) + reportPage(profile)).not.toContain('ada@example.org');
  });

  it('marks the near-duplicate numbers when not all rows were compared', async () => {
    const builder = new ProfileBuilder({ nearDuplicateRowsMax: 2, shingleWords: 5, threshold: 0.7 });
    builder.add(rows.map((data, ordinal) => ({ id: `r${ordinal}`, ordinal, data })));
    expect((await builder.finish(input, [], new Date())).duplicates.near).toMatchObject({ rowsCompared: 2, exact: false });
  });

  it('survives rows without texts and a version without rows', async () => {
    expect((await profileOf([{ x: 1 }, { x: 2 }])).text).toBeUndefined();
    const empty = await profileOf([]);
    expect(empty.rows).toBe(0);
    expect(reportPage(empty)).toContain('<h1>Profile of glossary, version 1</h1>');
  });
});

describe('reportPage', () => {
  it('escapes everything that comes from data and loads nothing', async () => {
    const evil = '<script>alert(1)</script><img src=x onerror=alert(1)>" onload="x';
    const profile = await profileOf(
      Array.from({ length: 4 }, () => ({ text: `${evil} one two three four five six seven`, label: evil, [evil]: evil })),
    );
    const named: Profile = {
      ...profile,
      dataset: { ...profile.dataset, name: evil },
      columns: [{ name: evil, kind: 'text', distinct: 1, top: [{ value: evil, count: 4 }] }],
    };
    const page = reportPage(named);
    expect(page).not.toMatch(/<script|<img|onload="x/);
    expect(page).not.toMatch(/\b(?:src|href)="(?!#)/);
    expect(page).toContain('&lt;script&gt;');
  });

  it('gives every chart as a table too', async () => {
    const page = reportPage(
      await profileOf([
        { text: 'one two three', label: 'a' },
        { text: 'four five six', label: 'b' },
      ]),
    );
    const count = (part: string) => page.split(part).length - 1;
    expect(count('<svg')).toBeGreaterThanOrEqual(5);
    expect(count('<svg')).toBe(count('<summary>As a table</summary>'));
    expect(count('<svg')).toBe(count('role="img" aria-label="'));
  });
});
