// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import type { StageCounts } from '../statistics/two-arm-difference';
import { RolloutsRepository, type Rollout, type RolloutCounts, type RolloutStep, type Verdict } from './rollouts.repository';

const COLUMNS = `workspace, id, endpoint, alias, model_name as "modelName", control_version as "controlVersion",
  candidate_version as "candidateVersion", metric, policy, state, outcome, step, looks_taken as "looksTaken", decided,
  verdict_count as "verdictCount", last_result as "lastResult", start_time as "startTime", end_time as "endTime",
  evaluate_time as "evaluateTime"`;
const VERDICT_COLUMNS = `workspace, id, rollout_id as "rolloutId", endpoint, step, outcome, look, reason, evidence,
  decide_time as "decideTime"`;

type RolloutRow = Omit<Rollout, 'verdictCount'> & { verdictCount: string };

// The stage of a request is the last step that had begun when it arrived (or the first, for clocks slightly behind).
const STAGE = `coalesce((select s.step from rollout_steps s where s.workspace = $1 and s.rollout_id = $2
    and s.start_time <= t.request_time order by s.step desc limit 1),
  (select min(s.step) from rollout_steps s where s.workspace = $1 and s.rollout_id = $2))`;

interface StageRow {
  stage: number;
  arm: string;
  count: number;
  good: number;
  users: number;
}

@Injectable()
export class TypeormRollouts extends RolloutsRepository {
  async upsert(db: Queryable, rollout: Omit<Rollout, 'evaluateTime'>): Promise<void> {
    await db.query(
      `insert into rollouts (workspace, id, endpoint, alias, model_name, control_version, candidate_version, metric, policy, state,
         step, start_time)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (workspace, id) do nothing`,
      [
        rollout.workspace,
        rollout.id,
        rollout.endpoint,
        rollout.alias,
        rollout.modelName,
        rollout.controlVersion,
        rollout.candidateVersion,
        rollout.metric,
        JSON.stringify(rollout.policy),
        rollout.state,
        rollout.step,
        rollout.startTime,
      ],
    );
  }

  async putStep(db: Queryable, key: { workspace: string; rolloutId: string }, step: RolloutStep): Promise<void> {
    await db.query(
      `insert into rollout_steps (workspace, rollout_id, step, candidate_percent, start_time) values ($1, $2, $3, $4, $5)
       on conflict (workspace, rollout_id, step) do update set candidate_percent = excluded.candidate_percent`,
      [key.workspace, key.rolloutId, step.step, step.candidatePercent, step.startTime],
    );
  }

  find(db: Queryable, workspace: string, id: string): Promise<Rollout | undefined> {
    return this.one(db, 'where workspace = $1 and id = $2', [workspace, id]);
  }

  lock(db: Queryable, workspace: string, id: string): Promise<Rollout | undefined> {
    return this.one(db, 'where workspace = $1 and id = $2 for update', [workspace, id]);
  }

  async save(db: Queryable, rollout: Rollout): Promise<void> {
    await db.query(
      `update rollouts set state = $3, outcome = $4, step = $5, looks_taken = $6, decided = $7, verdict_count = $8,
         last_result = $9, end_time = $10, evaluate_time = $11 where workspace = $1 and id = $2`,
      [
        rollout.workspace,
        rollout.id,
        rollout.state,
        rollout.outcome,
        rollout.step,
        rollout.looksTaken,
        rollout.decided,
        rollout.verdictCount,
        JSON.stringify(rollout.lastResult),
        rollout.endTime,
        rollout.evaluateTime,
      ],
    );
  }

  async list(
    db: Queryable,
    filter: { workspace: string; endpoint?: string },
    page: { before?: string; size: number },
  ): Promise<Rollout[]> {
    const rows = await db.query<RolloutRow>(
      `select ${COLUMNS} from rollouts where workspace = $1 and ($2::text is null or endpoint = $2)
         and ($3::text is null or id < $3) order by id desc limit $4`,
      [filter.workspace, filter.endpoint ?? null, page.before ?? null, page.size],
    );
    return rows.map(toRollout);
  }

  steps(db: Queryable, workspace: string, rolloutId: string): Promise<RolloutStep[]> {
    return db.query<RolloutStep>(
      `select step, candidate_percent as "candidatePercent", start_time as "startTime" from rollout_steps
       where workspace = $1 and rollout_id = $2 order by step`,
      [workspace, rolloutId],
    );
  }

  claimDue(db: Queryable): Promise<Rollout | undefined> {
    return this.one(
      db,
      `where state = 'live' and not decided and evaluate_time <= now() order by evaluate_time limit 1 for update skip locked`,
      [],
    );
  }

  async putOff(db: Queryable, { workspace, id }: Rollout, seconds: number): Promise<void> {
    await db.query('update rollouts set evaluate_time = now() + make_interval(secs => $3) where workspace = $1 and id = $2', [
      workspace,
      id,
      seconds,
    ]);
  }

  async counts(db: Queryable, rollout: Rollout): Promise<RolloutCounts> {
    const key = [rollout.workspace, rollout.id];
    const rated = await db.query<StageRow>(
      `select ${STAGE} as stage, t.arm, count(*)::int as count, count(*) filter (where t.good)::int as good, 0 as users
       from feedback t where t.workspace = $1 and t.rollout_id = $2 and t.metric = $3 and t.state = 'accepted'
         and t.good is not null and t.arm in ('control', 'candidate') group by 1, 2`,
      [...key, rollout.metric],
    );
    const served = await db.query<StageRow>(
      `select ${STAGE} as stage, t.arm, count(*)::int as count,
         count(*) filter (where t.status_code between 1 and 499)::int as good,
         count(distinct nullif(t.user_hash, ''))::int as users
       from inferences t where t.workspace = $1 and t.rollout_id = $2 and t.arm in ('control', 'candidate') group by 1, 2`,
      key,
    );
    const steps = await this.steps(db, rollout.workspace, rollout.id);
    return { quality: byStage(rated), failures: byStage(served), assignments: assignmentsOf(served, steps) };
  }

  async insertVerdict(db: Queryable, verdict: Verdict): Promise<void> {
    await db.query(
      `insert into verdicts (workspace, id, rollout_id, endpoint, step, outcome, look, reason, evidence, decide_time)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        verdict.workspace,
        verdict.id,
        verdict.rolloutId,
        verdict.endpoint,
        verdict.step,
        verdict.outcome,
        verdict.look,
        verdict.reason,
        JSON.stringify(verdict.evidence),
        verdict.decideTime,
      ],
    );
  }

  verdicts(
    db: Queryable,
    filter: { workspace: string; rolloutId?: string },
    page: { before?: string; size: number },
  ): Promise<Verdict[]> {
    return db.query<Verdict>(
      `select ${VERDICT_COLUMNS} from verdicts where workspace = $1 and ($2::text is null or rollout_id = $2)
         and ($3::text is null or id < $3) order by id desc limit $4`,
      [filter.workspace, filter.rolloutId ?? null, page.before ?? null, page.size],
    );
  }

  async findVerdict(db: Queryable, workspace: string, id: string): Promise<Verdict | undefined> {
    const [row] = await db.query<Verdict>(`select ${VERDICT_COLUMNS} from verdicts where workspace = $1 and id = $2`, [
      workspace,
      id,
    ]);
    return row;
  }

  private async one(db: Queryable, where: string, params: unknown[]): Promise<Rollout | undefined> {
    const [row] = await db.query<RolloutRow>(`select ${COLUMNS} from rollouts ${where}`, params);
    return row && toRollout(row);
  }
}

function toRollout(row: RolloutRow): Rollout {
  return { ...row, verdictCount: Number(row.verdictCount) };
}

function byStage(rows: readonly StageRow[]): StageCounts[] {
  const stages = new Map<string, StageCounts>();
  for (const row of rows) {
    const stage = String(row.stage);
    const counts = stages.get(stage) ?? { stage, stable: { count: 0, good: 0 }, canary: { count: 0, good: 0 } };
    counts[row.arm === 'candidate' ? 'canary' : 'stable'] = { count: row.count, good: row.good };
    stages.set(stage, counts);
  }
  return [...stages.values()].sort((left, right) => Number(left.stage) - Number(right.stage));
}

/** Fewest users (or requests) for a check of the split. */
const SPLIT_COUNT_MIN = 20;

// Users are assigned, not requests: a chatty user is no evidence of a broken split. Where callers name no users, requests count.
// Only the newest step with enough of them is checked, because the same users stay in later steps.
function assignmentsOf(rows: readonly StageRow[], steps: readonly RolloutStep[]) {
  const byUsers = rows.some((row) => row.users > 0);
  const all = steps.map((step) => {
    const of = (arm: string): number => {
      const row = rows.find((each) => each.stage === step.step && each.arm === arm);
      return (byUsers ? row?.users : row?.count) ?? 0;
    };
    return { stage: String(step.step), stable: of('control'), canary: of('candidate'), canaryShare: step.candidatePercent / 100 };
  });
  return all.filter((each) => each.stable + each.canary >= SPLIT_COUNT_MIN).slice(-1);
}
