// SPDX-License-Identifier: Apache-2.0
// How often the demo would miss one of its facts by chance. Trains pairs of versions as the demo does, on other splits and with other
// mistakes of the raters, then replays what is decided by them many times: the gate, the quality monitor on everyday and on turned
// traffic, the test of the canary. No service runs; the trainer, the monitor's detector and the verdict are the real ones.
// Run: npm run bench:demo-odds [-- --scale small --pairs 32 --replays 100] (full: 45 s a pair on one core; small: 15 s)
import { parseArgs } from 'node:util';
import { seededRandom } from '#libs/clock';
import { encodeAnswerRows, evaluateAnswers, loadModelFolder, packageFile, Trainer, type TinyModel } from '#libs/tiny-lm';
import { demoSizes, FEEDBACK_SHARE, GATE_DROP_MAX, TUNING } from '../../deploy/demo/demo-context';
import { everydayTraffic, firstPool, promptOf, readFixture, type FixtureRow } from '../../deploy/demo/fixture';
import { replayPair, shuffled, type TrainedPair } from './demo-replay';

/** A fact that chance denies more often than this is a fault of the demo's sizes. */
const MISSED_SHARE_MAX = 0.002;

const { values: flags } = parseArgs({
  options: {
    scale: { type: 'string', default: 'full' },
    pairs: { type: 'string', default: '16' },
    replays: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
});
if (flags.scale !== 'full' && flags.scale !== 'small') throw new Error(`--scale is small or full, not ${flags.scale}`);

const sizes = demoSizes[flags.scale];
const fixture = readFixture();
const base = loadModelFolder(packageFile('base'));
const asAnswers = (rows: readonly FixtureRow[]) =>
  rows.map(({ text, label }) => ({ prompt: promptOf(text), answer: ` ${label}` }));
const encode = (rows: readonly FixtureRow[]) => encodeAnswerRows(base.tokenizer, asAnswers(rows), base.config.contextTokens);
const rightOnes = (model: TinyModel, rows: readonly FixtureRow[]): boolean[] =>
  evaluateAnswers(model, asAnswers(rows)).answers.map(({ answer }, index) => answer === rows[index].label);
const shareOf = (right: readonly boolean[]): number => right.filter(Boolean).length / right.length;

function fineTune(pools: { name: string; share: number; rows: readonly FixtureRow[] }[]): TinyModel {
  const { tokenDropout, ...rest } = TUNING;
  const trainer = new Trainer({
    base,
    pools: pools.map(({ name, share, rows }) => ({ name, share, examples: encode(rows) })),
    settings: { ...rest, promptDropout: tokenDropout, steps: sizes.steps },
  });
  while (!trainer.isDone) trainer.step();
  return trainer.model();
}

function trainPair(seed: number): TrainedPair {
  const random = seededRandom(seed);
  const pool = firstPool(fixture, sizes).map((row) => ({ row, held: random() < sizes.heldOutShare }));
  const rowsOf = (held: boolean) => pool.filter((each) => each.held === held).map(({ row }) => row);
  const [train, heldOut] = [rowsOf(false), rowsOf(true)];
  const everyday = everydayTraffic(fixture, sizes);
  const turned = fixture.periodTwoTraffic.slice(0, sizes.periodTwoRequests);
  const corrections = shuffled([...everyday, ...turned], random);
  const first = fineTune([{ name: 'train', share: 1, rows: train }]);
  const second = fineTune([
    { name: 'train', share: 1 - FEEDBACK_SHARE, rows: train },
    { name: 'feedback', share: FEEDBACK_SHARE, rows: corrections },
  ]);
  const gain = (rows: readonly FixtureRow[]): number => shareOf(rightOnes(second, rows)) - shareOf(rightOnes(first, rows));
  return {
    everyday: rightOnes(first, everyday),
    turned: rightOnes(first, turned),
    canary: { control: rightOnes(first, fixture.canary), candidate: rightOnes(second, fixture.canary) },
    gainPeriodOne: gain(heldOut),
    gainPeriodTwo: gain(fixture.periodTwoHeldOut),
  };
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

function spreadOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1));
  return { mean: round(mean), deviation: round(deviation), least: round(Math.min(...values)) };
}

function main(): void {
  const pairs = Array.from({ length: Number(flags.pairs) }, (_, index) => trainPair(Number(flags.seed) + index));
  const replays = pairs.flatMap((pair, index) =>
    Array.from({ length: Number(flags.replays) }, (_, replay) =>
      replayPair(pair, sizes, seededRandom((Number(flags.seed) + index) * 1_000_003 + replay)),
    ),
  );
  const missedShare = (holds: (replay: (typeof replays)[number]) => boolean): number =>
    round(replays.filter((replay) => !holds(replay)).length / replays.length);
  const missed = {
    'no monitor fired on everyday traffic': missedShare((replay) => !replay.firedOnEveryday),
    'the quality monitor fired': missedShare((replay) => replay.firedOnTurned),
    'the test promoted version 2': missedShare((replay) => replay.outcome === 'promote'),
    'its gate passed': round(pairs.filter((pair) => pair.gainPeriodOne < -GATE_DROP_MAX).length / pairs.length),
    'period 2 got better': round(pairs.filter((pair) => pair.gainPeriodTwo <= 0).length / pairs.length),
  };
  const faults = Object.entries(missed).filter(([, share]) => share > MISSED_SHARE_MAX);
  const canaryGain = (pair: TrainedPair): number => shareOf(pair.canary.candidate) - shareOf(pair.canary.control);
  const document = {
    bench: 'demo-odds',
    scale: flags.scale,
    pairs: pairs.length,
    replays: replays.length,
    missed,
    gains: {
      periodOne: spreadOf(pairs.map((pair) => pair.gainPeriodOne)),
      periodTwo: spreadOf(pairs.map((pair) => pair.gainPeriodTwo)),
      canary: spreadOf(pairs.map(canaryGain)),
    },
    canaryRequestsMean: Math.round(replays.reduce((sum, replay) => sum + replay.canaryRequests, 0) / replays.length),
    faults: faults.map(([fact, share]) => `"${fact}" is missed by chance in a share of ${share}, at most ${MISSED_SHARE_MAX}`),
  };
  process.stdout.write(`${JSON.stringify(document, null, 1)}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

main();
