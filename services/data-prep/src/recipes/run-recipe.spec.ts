// SPDX-License-Identifier: Apache-2.0
import { bruteForcePairs, plantedDocuments, trueJaccard } from '../../bench/planted-documents';
import { inBatches, linesOf, wellFormed } from './json-lines';
import { parseRecipe } from './parse-recipe';
import { formatRow, parseRow, type RecipeRow } from './recipe-rows';
import { MemorySpill } from './row-spills';
import type { LedgerEntry } from './ledger-entry';
import { runRecipe } from './run-recipe';

async function* batches(rows: RecipeRow[], size = 7): AsyncIterable<RecipeRow[]> {
  for (let i = 0; i < rows.length; i += size) yield rows.slice(i, i + size);
}

function rowsOf(data: Record<string, unknown>[]): RecipeRow[] {
  return data.map((row, ordinal) => ({ id: `r${ordinal}`, ordinal, data: row }));
}

async function run(recipe: string, rows: RecipeRow[], rowsMax = 1e6) {
  const ledger: LedgerEntry[] = [];
  const outputs: Record<string, RecipeRow[]> = {};
  const report = await runRecipe(
    parseRecipe(recipe),
    batches(rows),
    {
      ledger: async (entries) => void ledger.push(...entries),
      output: async (split, kept) => void (outputs[split] ??= []).push(...kept),
    },
    { pseudonymKey: 'k', spill: () => new MemorySpill(), rowsMax, madeMax: 30e6 },
  );
  return { report, ledger, outputs };
}

const ids = (rows: RecipeRow[]) => rows.map((row) => row.id);

describe('runRecipe', () => {
  it('selects, maps, filters and redacts in one pass, with an entry for every dropped or redacted row', async () => {
    const rows = rowsOf([
      { text: 'Write to ada@example.org today', label: 'person', extra: 1 },
      { text: 'two words', label: 'food' },
      { text: 'A very fine animal', label: null },
      { text: 'A very fine Plant', label: 'plant' },
    ]);
    const { report, ledger, outputs } = await run(
      `steps:
  - select: [text, label]
  - redact_pii: {}
  - filter: words(text) >= 3
  - map: { set: { prompt: "{{ text | lower }}\\nDomain:", answer: " {{ label }}" }, remove: [label], rename: { text: definition } }`,
      rows,
    );
    expect(report.rowsRead).toBe(4);
    expect(outputs.all.map((row) => row.data)).toEqual([
      {
        definition: expect.stringMatching(/^Write to \[EMAIL_[0-9a-f]{4}\] today$/),
        prompt: expect.stringContaining('domain'.replace('d', 'D')),
        answer: ' person',
      },
      { definition: 'A very fine Plant', prompt: 'a very fine plant\nDomain:', answer: ' plant' },
    ]);
    expect(ledger).toEqual([
      expect.objectContaining({ rowId: 'r0', step: 'redact_pii', action: 'changed', rule: 'EMAIL', value: 'EMAIL x 1' }),
      expect.objectContaining({
        rowId: 'r1',
        stepIndex: 2,
        action: 'dropped',
        rule: 'words(text) >= 3',
        value: '2',
        threshold: '3',
      }),
      expect.objectContaining({ rowId: 'r2', stepIndex: 3, action: 'dropped', rule: 'set answer: label is missing' }),
    ]);
    expect(report.steps.map((step) => [step.rowsIn, step.rowsOut])).toEqual([
      [4, 4],
      [4, 4],
      [4, 3],
      [3, 2],
    ]);
    expect(report.steps[2].droppedByRule).toEqual({ 'words(text) >= 3': 1 });
  });

  it('removes exact copies by field, keeping the row that the policy prefers', async () => {
    const rows = rowsOf([
      { text: 'Same', score: 1 },
      { text: ' same ', score: 9 },
      { text: 'other', score: 2 },
      { score: 3 },
      { score: 4 },
    ]);
    const first = await run('steps:\n- exact_dedup: { fields: [text], normalise: true }', rows);
    expect(ids(first.outputs.all)).toEqual(['r0', 'r2', 'r3', 'r4']);
    expect(first.ledger).toEqual([expect.objectContaining({ rowId: 'r1', keptRowId: 'r0', jaccard: 1, rule: 'equal text' })]);
    const best = await run('steps:\n- exact_dedup: { fields: [text], normalise: true, keep: { max: score } }', rows);
    expect(ids(best.outputs.all)).toEqual(['r1', 'r2', 'r3', 'r4']);
  });

  it('takes rows as equal whatever the order of their fields', async () => {
    const rows = rowsOf([
      { a: 1, b: { x: 1, y: 2 } },
      { b: { y: 2, x: 1 }, a: 1 },
      { a: 1, b: { x: 1, y: 3 } },
    ]);
    expect(ids((await run('steps:\n- exact_dedup: {}', rows)).outputs.all)).toEqual(['r0', 'r2']);
  });

  it('names the kept copy and the true Jaccard of every near-duplicate, and leaves no near pair', async () => {
    const { texts } = plantedDocuments({ documents: 300, words: 60, copyShare: 0.4, editShareMax: 0.1, seed: 9 });
    const rows = rowsOf(texts.map((text) => ({ text })));
    const { report, ledger, outputs } = await run('steps:\n- near_dedup: { threshold: 0.7 }', rows);
    expect(ledger.length).toBeGreaterThan(30);
    for (const entry of ledger) {
      const jaccard = trueJaccard(texts[entry.ordinal], texts[Number(entry.keptRowId?.slice(1))], 5);
      expect(entry.jaccard).toBeCloseTo(jaccard, 10);
      expect(jaccard).toBeGreaterThanOrEqual(0.7);
    }
    const kept = outputs.all.map((row) => row.data.text as string);
    expect([...bruteForcePairs(kept, 5, 0.7).keys()]).toEqual([]);
    expect(report.rowsRead).toBe(ledger.length + outputs.all.length);
    expect(report.steps[0].curve?.find((point) => point.jaccard === 0.7)?.removed).toBe(ledger.length);
  });

  describe('split', () => {
    const recipe = 'steps:\n- split: { outputs: { train: 0.7, test: 0.3 }, seed: s }';
    const { texts } = plantedDocuments({ documents: 600, words: 50, copyShare: 0.3, editShareMax: 0.06, seed: 21 });
    const rows = rowsOf(texts.map((text) => ({ text })));
    const sideOf = (outputs: Record<string, RecipeRow[]>) =>
      new Map(Object.entries(outputs).flatMap(([side, kept]) => kept.map((row) => [row.id, side])));

    it('puts no near pair on two sides and comes near the shares', async () => {
      const { outputs, ledger } = await run(recipe, rows);
      const both = [...outputs.train, ...outputs.test].map((row) => row.data.text as string);
      const isTrain = (pair: string, end: 0 | 1) => Number(pair.split('-')[end]) < outputs.train.length;
      const leaks = [...bruteForcePairs(both, 5, 0.7).keys()].filter((pair) => isTrain(pair, 0) !== isTrain(pair, 1));
      expect(leaks).toEqual([]);
      expect(outputs.train.length / 600).toBeGreaterThan(0.62);
      expect(outputs.train.length / 600).toBeLessThan(0.78);
      expect(outputs.train.length + outputs.test.length + ledger.length).toBe(600);
    });

    it('moves no old row when new rows come', async () => {
      const before = sideOf((await run(recipe, rows.slice(0, 400))).outputs);
      const after = sideOf((await run(recipe, rows)).outputs);
      for (const [id, side] of before) expect([id, after.get(id)]).toEqual([id, side]);
    });

    it('keeps a group on one side and drops a row that is near to both sides, naming it', async () => {
      const words = (from: number, count: number) => Array.from({ length: count }, (_, i) => `w${from + i}`).join(' ');
      // Different seeds are tried until the two unrelated texts fall apart; the third is near to both.
      const texts3 = [words(0, 40), words(34, 40), words(0, 34) + ' ' + words(34, 40)];
      for (let seed = 0; seed < 50; seed++) {
        const shortRecipe = `steps:\n- split: { outputs: { a: 0.5, b: 0.5 }, threshold: 0.5, seed: s${seed}, shingle_words: 1 }`;
        const result = await run(
          shortRecipe,
          rowsOf([...texts3.map((text) => ({ text })), { text: 'x y z' }, { text: 'q' }, { text: 'p p' }]),
        ).catch(() => undefined);
        if (!result || result.ledger.length === 0) continue;
        expect(result.ledger).toEqual([
          expect.objectContaining({ rowId: 'r2', rule: 'near to rows or group on two sides of the split', keptRowId: 'r1' }),
        ]);
        return;
      }
      throw new Error('no seed put the two texts on two sides');
    });

    it('keeps all rows of a group together', async () => {
      const grouped = rowsOf(
        Array.from({ length: 200 }, (_, i) => ({ text: `unique text number ${i * 7919}`, word: `g${i % 20}` })),
      );
      const sides = sideOf((await run('steps:\n- split: { outputs: { a: 0.5, b: 0.5 }, group_by: word }', grouped)).outputs);
      for (let i = 0; i < 200; i++) expect(sides.get(`r${i}`)).toBe(sides.get(`r${i % 20}`));
    });
  });

  it('refuses the whole run when a step removes more than it may', async () => {
    const rows = rowsOf([{ text: 'a' }, { text: 'b b' }]);
    await expect(run('steps:\n- filter: { where: words(text) > 1, removed_share_max: 0.2 }', rows)).rejects.toMatchObject({
      code: 'DATA_PREP.TOO_MANY_REMOVED',
      message: expect.stringContaining('steps[0].filter (line 2) removes 1 of 2 rows (50.0 %)'),
    });
  });

  it('refuses a run that leaves an output empty, and an input above the bound', async () => {
    await expect(run('steps:\n- filter: "false"', rowsOf([{ text: 'a' }]))).rejects.toMatchObject({
      code: 'DATA_PREP.NOTHING_KEPT',
    });
    await expect(run('steps:\n- select: [a]', rowsOf([{ a: 1 }, { a: 2 }]), 1)).rejects.toMatchObject({
      code: 'DATA_PREP.INPUT_TOO_LARGE',
    });
  });
});

describe('what one row may cost', () => {
  const long = rowsOf([{ text: 'x'.repeat(1_000_000) }]);

  it.each([
    ['copies of it', 'map: { set: { text: "{{ text }}{{ text }}{{ text }}{{ text }}{{ text }}" } }'],
    ['what replaces each character', "map: { set: { text: \"{{ text | replace('x', 'xxxxxxxxxx') }}\" } }"],
    ['what stands between its characters', "map: { set: { text: \"{{ text | replace('', 'xxxxxxxxxx') }}\" } }"],
    ['sums', `filter: length(${Array(5).fill('text').join(' + ')}) > 0`],
    ['patterns', "filter: matches(text, '(\\w?){190}(\\w?){190}Z')"],
    ['patterns, each of which is cheap', `filter: ${Array(30).fill("matches(text, 'x*x*x*x*x*x*x*Z')").join(' or ')}`],
  ])('is bounded for %s', async (_what, step) => {
    await expect(run(`steps:\n  - ${step}`, long)).rejects.toMatchObject({ code: 'DATA_PREP.ROW_TOO_COSTLY', kind: 'invalid' });
  });

  it('is bounded for all rows together, and texts that are made are handed on in small batches', async () => {
    const copies = `"${'{{ text }}'.repeat(100)}"`;
    const rows = rowsOf(Array.from({ length: 100 }, () => ({ text: 'x'.repeat(1_000) })));
    const doubled = `steps:\n  - map: { set: { text: ${copies} } }\n  - map: { set: { text: "{{ text }}{{ text }}" } }`;
    const sizes: number[] = [];
    const sink = {
      ledger: async () => undefined,
      output: async (_split: string, kept: RecipeRow[]) => void sizes.push(kept.length),
    };
    const context = { pseudonymKey: 'k', spill: () => new MemorySpill(), rowsMax: 1e6, madeMax: 30e6 };
    await runRecipe(parseRecipe(doubled), batches(rows, 100), sink, context);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(100);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
    const run = runRecipe(parseRecipe(doubled), batches(rows, 100), sink, { ...context, madeMax: 29e6 });
    await expect(run).rejects.toMatchObject({ code: 'DATA_PREP.TEXT_TOO_LARGE' });
  });

  it('leaves the event loop its turns within a batch', async () => {
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    const rows = rowsOf(Array.from({ length: 7 }, () => ({ text: 'x'.repeat(20_000) })));
    await run("steps:\n  - filter: not matches(text, '(\\w?){100}Z')", rows);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(2);
  });
});

describe('inBatches', () => {
  async function* lines(count: number, text: string): AsyncGenerator<string> {
    for (let i = 0; i < count; i++) yield text;
  }

  it.each([
    [2_500, 'x', [1_000, 1_000, 500]],
    [5, 'x'.repeat(200_000), [2, 2, 1]],
    [3, 'x'.repeat(1_000_000), [1, 1, 1]],
  ])('bounds a batch by its lines and by its text: %i lines', async (count, text, sizes) => {
    const batches: number[] = [];
    for await (const batch of inBatches(lines(count, text), 1_000)) batches.push(batch.length);
    expect(batches).toEqual(sizes);
  });
});

describe('formatRow', () => {
  it('writes large integers with all their digits, and names of fields as names', () => {
    const line = '{"_row_id":"r1","n":12345678901234567890,"\uE000int:5":1}';
    expect(formatRow(parseRow(line, 0))).toBe(line);
  });
});

describe('wellFormed', () => {
  it.each([
    ['{"a":"\\ud83d\\ude00"}', '{"a":"\\ud83d\\ude00"}'],
    ['{"a":"\\ud83d"}', '{"a":"\\ufffd"}'],
    ['{"\\uDC00":"\\udc00\\ud800\\ud800\\udc00"}', '{"\\ufffd":"\\ufffd\\ufffd\\ud800\\udc00"}'],
    ['{"a":"\\\\ud800"}', '{"a":"\\\\ud800"}'],
    ['{"a":"\\\\\\ud800"}', '{"a":"\\\\\\ufffd"}'],
  ])('replaces lone halves in %s', (json, expected) => {
    expect(wellFormed(json)).toBe(expected);
  });
});

describe('linesOf', () => {
  async function* chunks(...parts: string[]) {
    for (const part of parts) yield Buffer.from(part);
  }
  it('cuts at line feeds only, across chunks, and reads a last line without one', async () => {
    const lines: string[] = [];
    for await (const line of linesOf(chunks('{"a":"x\u2028', 'y\\r"}\n\n{"b"', ':1}'))) lines.push(line);
    expect(lines).toEqual(['{"a":"x\u2028y\\r"}', '{"b":1}']);
    expect(parseRow(lines[1], 5)).toEqual({ id: '5', ordinal: 5, data: { b: 1 } });
  });
});
