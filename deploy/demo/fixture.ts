// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** One definition with its domain. */
export interface FixtureRow {
  id: string;
  text: string;
  label: string;
  word: string;
  period: number;
}

/** The rows of the demo, as tests/fixtures/glossary-triage/README.md describes them. */
export interface Fixture {
  periodOne: FixtureRow[];
  /** Split between the pool of the first dataset and live traffic: what is asked was neither trained on nor judged with. */
  periodOneRest: FixtureRow[];
  periodTwoHeldOut: FixtureRow[];
  periodTwoTraffic: FixtureRow[];
  canary: FixtureRow[];
}

export const labels = ['animal', 'artifact', 'food', 'person', 'plant', 'substance'];

/** Rows of the first period that make up the first dataset, which the recipe splits. */
export function firstPool(
  fixture: Pick<Fixture, 'periodOne' | 'periodOneRest'>,
  sizes: { trainRows: number; pooledRestRows: number },
): FixtureRow[] {
  return [...fixture.periodOne.slice(0, sizes.trainRows), ...fixture.periodOneRest.slice(0, sizes.pooledRestRows)];
}

/**
 * Everyday rows that are neither in the pool of the first dataset nor judged with: a model knows what it was trained on, so traffic that
 * began with such rows would look as if quality fell when they end. Throws RangeError when the fixture has too few.
 */
export function everydayTraffic(
  fixture: Pick<Fixture, 'periodOneRest'>,
  sizes: { pooledRestRows: number; periodOneRequests: number },
): FixtureRow[] {
  const { pooledRestRows, periodOneRequests } = sizes;
  const rows = fixture.periodOneRest.slice(pooledRestRows, pooledRestRows + periodOneRequests);
  if (rows.length < periodOneRequests)
    throw new RangeError(`${periodOneRequests} rows of everyday traffic are wanted, ${rows.length} are left beside the pool`);
  return rows;
}

/** What the model is asked. */
export function promptOf(text: string): string {
  return `${text}\nDomain:`;
}

function read(name: string): FixtureRow[] {
  let root = __dirname;
  while (!existsSync(join(root, 'tests/fixtures/glossary-triage'))) root = dirname(root);
  const bytes = gunzipSync(readFileSync(join(root, 'tests/fixtures/glossary-triage', `${name}.jsonl.gz`)));
  return bytes
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as FixtureRow);
}

/** Reads the fixture. */
export function readFixture(): Fixture {
  return {
    periodOne: read('period-1-train'),
    periodOneRest: read('period-1-heldout'),
    periodTwoHeldOut: read('period-2-heldout'),
    periodTwoTraffic: read('period-2-traffic'),
    canary: read('period-2-canary'),
  };
}
