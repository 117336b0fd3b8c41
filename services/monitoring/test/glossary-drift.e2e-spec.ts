// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { seededRandom } from '#libs/clock';
import { projectRoot } from '#libs/testing';
import { detectDrift, DRIFT_POLICY_DEFAULT, type DriftFinding, type DriftRow } from '../src/monitors/drift-detection';
import { alphaFromBudget } from '../src/statistics/false-alarm-budget';

const LABELS = ['animal', 'artifact', 'food', 'person', 'plant', 'substance'];

function rows(file: string): { id: string; text: string; label: string }[] {
  const path = join(projectRoot(), 'tests', 'fixtures', 'glossary-triage', file);
  const lines = gunzipSync(readFileSync(path)).toString('utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as { id: string; text: string; label: string });
}

// Requests as the gateway captures them; the answer is right with the accuracy that the model has in that period.
function served(file: string, accuracy: number, random: () => number): DriftRow[] {
  return rows(file).map(({ id, text, label }) => ({
    id,
    input: `${text}\nDomain:`,
    answer: random() < accuracy ? label : (LABELS[Math.floor(random() * 6)] ?? label),
  }));
}

function shuffled<T>(items: T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

describe('drift on the real rows of the demo', () => {
  // One false alarm a week, evaluated every five seconds, three features.
  const policy = { ...DRIFT_POLICY_DEFAULT, alpha: alphaFromBudget(1, (604_800 / 5) * 3) };
  const random = seededRandom(101);
  const reference = served('period-1-heldout.jsonl.gz', 0.8, random);
  const by = (findings: DriftFinding[], feature: string): DriftFinding | undefined =>
    findings.find((each) => each.feature === feature);

  it('is quiet on more of the first period and fires on the second, by mix and by wording', () => {
    const same = shuffled(served('period-1-train.jsonl.gz', 0.8, random), random);
    for (let from = 0; from < 3000; from += 300) {
      expect(detectDrift(reference, same.slice(from, from + 300), policy).filter((each) => each.drifted)).toEqual([]);
    }
    const second = shuffled(served('period-2-traffic.jsonl.gz', 0.6, random), random);
    const found = detectDrift(reference, second.slice(0, 300), policy);
    expect(by(found, 'answer')).toMatchObject({ drifted: true });
    expect(by(found, 'answer')?.direction).toMatch(/more (plant|animal) \d/);
    const wording = by(found, 'wording');
    expect(wording?.effect).toBeGreaterThan(0.6);
  });

  it('has fired after 150 requests of the second period, and not before there are 50', () => {
    const fired = (count: number, seed: number): boolean => {
      const draw = seededRandom(seed);
      const second = shuffled(served('period-2-traffic.jsonl.gz', 0.6, draw), draw);
      return detectDrift(reference, second.slice(0, count), policy).some((each) => each.drifted);
    };
    const share = (count: number): number =>
      Array.from({ length: 20 }, (_, run) => fired(count, run)).filter(Boolean).length / 20;
    expect(share(150)).toBe(1);
    expect(share(30)).toBeLessThan(0.3);
  });
});
