// SPDX-License-Identifier: Apache-2.0
import {
  CANARY_USERS,
  CANARY_WAVE,
  FALSE_ALARMS_PER_WEEK,
  JUDGEMENT_ALPHAS,
  QUALITY_RISE,
  type DemoSizes,
} from '../../deploy/demo/demo-context';
import { HONEST_ERROR_SHARE } from '../../deploy/demo/people';
import { MONITOR_CONFIG_DEFAULT } from '../../services/monitoring/src/monitors/monitor';
import { detectQuality, estimateBaseRate, qualityDesign } from '../../services/monitoring/src/monitors/quality-detection';
import {
  decideVerdict,
  VERDICT_POLICY_DEFAULT,
  type VerdictOutcome,
} from '../../services/monitoring/src/verdicts/rollout-verdict';

/** What two versions answer, row by row: true = right. */
export interface TrainedPair {
  everyday: boolean[];
  turned: boolean[];
  canary: Record<'control' | 'candidate', boolean[]>;
  /** Accuracy of version 2 less that of version 1 on what is held out of each period. */
  gainPeriodOne: number;
  gainPeriodTwo: number;
}

/** One demo, as far as chance decides it. */
export interface Replay {
  firedOnEveryday: boolean;
  firedOnTurned: boolean;
  /** `hold` = undecided when the demo gives up. */
  outcome: VerdictOutcome;
  canaryRequests: number;
}

type Dice = () => number;

/** Judges the pair once more, with other raters' mistakes, another order of ratings and other users in the arms. */
export function replayPair(pair: TrainedPair, sizes: DemoSizes, dice: Dice): Replay {
  const everyday = shuffled(pair.everyday.map(judgedBy(dice)), dice);
  const turned = shuffled(pair.turned.map(judgedBy(dice)), dice);
  const learned = everyday.slice(0, sizes.qualityBaselineCount);
  const design = qualityDesign({
    baseRate: estimateBaseRate(learned.filter((good) => !good).length, learned.length),
    rise: QUALITY_RISE,
    falseAlarmsPerWeek: FALSE_ALARMS_PER_WEEK,
    eventsPerWeek: MONITOR_CONFIG_DEFAULT.eventsPerWeek,
  });
  const fires = (good: readonly boolean[]): boolean =>
    detectQuality(
      good.map((each) => !each),
      design,
    ).alarmIndex >= 0;
  const rest = everyday.slice(sizes.qualityBaselineCount);
  return { firedOnEveryday: fires(rest), firedOnTurned: fires([...rest, ...turned]), ...replayCanary(pair, sizes, dice) };
}

function replayCanary(pair: TrainedPair, sizes: DemoSizes, dice: Dice): Pick<Replay, 'outcome' | 'canaryRequests'> {
  const { looks, margin, requestsPerArmMax } = sizes;
  const { alpha, harmAlpha } = JUDGEMENT_ALPHAS;
  const own = { margin, looks, eventsPerArmMax: requestsPerArmMax, promoteAlpha: alpha, harmAlpha };
  const armOf = Array.from({ length: CANARY_USERS }, () => (dice() < 0.5 ? ('candidate' as const) : ('control' as const)));
  const counts: Counts = { control: { count: 0, good: 0 }, candidate: { count: 0, good: 0 } };
  const judged = judgedBy(dice);
  let looksTaken = 0;
  for (let asked = 0; asked < sizes.canaryRequestsMax; asked += CANARY_WAVE) {
    for (let index = 0; index < CANARY_WAVE; index += 1) {
      const arm = armOf[(asked + index) % CANARY_USERS];
      const right = pair.canary[arm];
      counts[arm].count += 1;
      if (judged(right[Math.floor(dice() * right.length)])) counts[arm].good += 1;
    }
    const seen = armOf.slice(0, asked + CANARY_WAVE);
    const candidates = seen.filter((arm) => arm === 'candidate').length;
    const { outcome, looksTaken: taken } = decideVerdict({
      policy: { ...VERDICT_POLICY_DEFAULT, ...own },
      stage: '0',
      quality: [{ stage: '0', stable: counts.control, canary: counts.candidate }],
      guards: [{ name: 'requests_without_failure', stages: [served(counts)] }],
      assignments: [{ stage: '0', stable: seen.length - candidates, canary: candidates, canaryShare: 0.5 }],
      looksTaken,
      observedSeconds: asked,
    });
    looksTaken = taken;
    if (outcome !== 'hold') return { outcome, canaryRequests: asked + CANARY_WAVE };
  }
  return { outcome: 'hold', canaryRequests: sizes.canaryRequestsMax };
}

type Counts = Record<'control' | 'candidate', { count: number; good: number }>;

/** Every request of the demo is answered, which the verdict sees as a rate of its own. */
function served({ control, candidate }: Counts) {
  const all = ({ count }: { count: number }) => ({ count, good: count });
  return { stage: '0', stable: all(control), canary: all(candidate) };
}

/** An honest person's word on an answer; who errs calls a right answer wrong, and a wrong one right where the label is theirs. */
function judgedBy(dice: Dice): (right: boolean) => boolean {
  return (right) => (dice() < HONEST_ERROR_SHARE ? !right && dice() < 0.2 : right);
}

/** The same items in another order. */
export function shuffled<T>(list: readonly T[], dice: Dice): T[] {
  return list
    .map((value) => ({ value, at: dice() }))
    .sort((left, right) => left.at - right.at)
    .map(({ value }) => value);
}
