// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import { normalLabel } from '../feedback/metric-definition';
import type { Opinion } from './opinion-consensus';
import type { RaterState } from './rater-reputation';
import { RatersRepository, type Rater } from './raters.repository';
import { WorkSlices } from './work-slices';

const COLUMNS = `workspace, rater_hash as "raterHash", kind, state, reason, evidence, feedback_count as "feedbackCount", version,
  state_time as "stateTime", create_time as "createTime"`;

/** Of answers that are compared as labels: those that begin alike for so long are the same one. A review holds 20,000 opinions. */
const LABEL_CHARACTERS_MAX = 500;

type RaterRow = Omit<Rater, 'feedbackCount' | 'version'> & { feedbackCount: string; version: string };

function toRater(row: RaterRow): Rater {
  return { ...row, feedbackCount: Number(row.feedbackCount), version: Number(row.version) };
}

@Injectable()
export class TypeormRaters extends RatersRepository {
  async claimReview(db: Queryable, leaseSeconds: number): Promise<string | undefined> {
    const [row] = await db.query<{ workspace: string }>(
      `with asked as (
         delete from rater_reviews where workspace = (
           select workspace from rater_reviews where due_time <= now() order by due_time limit 1 for update skip locked)
         returning workspace),
       abandoned as (
         select workspace from rater_review_claims where lease_until <= now() and not exists (select from asked)
         order by lease_until limit 1 for update skip locked)
       insert into rater_review_claims (workspace, lease_until)
       select workspace, now() + make_interval(secs => $1) from (select workspace from asked union all select workspace from abandoned) as one
       on conflict (workspace) do update set lease_until = excluded.lease_until returning workspace`,
      [leaseSeconds],
    );
    return row?.workspace;
  }

  async finishReview(db: Queryable, workspace: string): Promise<void> {
    await db.query(
      `insert into rater_review_times (workspace, review_time) values ($1, now())
       on conflict (workspace) do update set review_time = excluded.review_time`,
      [workspace],
    );
    await db.query('delete from rater_review_claims where workspace = $1', [workspace]);
  }

  async suspects(db: Queryable, workspace: string): Promise<Map<string, RaterState>> {
    const rows = await db.query<{ rater_hash: string; state: RaterState }>(
      `select rater_hash, state from raters where workspace = $1 and state <> 'trusted'`,
      [workspace],
    );
    return new Map(rows.map((row) => [row.rater_hash, row.state]));
  }

  async opinions(db: Queryable, workspace: string, choice: { since: Date; rowsMax: number }): Promise<Opinion[]> {
    // Chosen from one table, newest first along its key, before anything is looked up: a join below the limit is done for all feedback.
    // Of a quarantined rater nothing is accepted, so only the other states need a look at who gave it.
    const ofInference = (column: 'input_key' | 'output_text'): string => `case when state = 'rejected' then
      (select i.${column} from inferences i where i.workspace = newest.workspace and i.id = newest.inference_id) end`;
    const rows = await db.query<Opinion & { correction: string | undefined }>(
      `select id as "feedbackId", rater_hash as "raterHash", metric,
         coalesce(nullif(input_key, ''), ${ofInference('input_key')}, inference_id) as "inputKey",
         left(coalesce(nullif(output_text, ''), ${ofInference('output_text')}, ''), ${LABEL_CHARACTERS_MAX}) as "servedLabel",
         good as right, left(correction, ${LABEL_CHARACTERS_MAX}) as correction, impossible
       from (
         select f.* from feedback f
         where f.workspace = $1 and f.good is not null and f.receive_time > $2
           and (f.state = 'accepted' or ((f.state = 'capped' or (f.state = 'rejected' and f.impossible)) and exists (
             select from raters r where r.workspace = f.workspace and r.rater_hash = f.rater_hash and r.state <> 'quarantined')))
         order by f.id desc limit $3) newest
       order by id`,
      [workspace, choice.since, choice.rowsMax],
    );
    const slices = new WorkSlices();
    for (const row of rows) {
      row.inputKey ||= row.feedbackId;
      row.servedLabel = normalLabel(row.servedLabel);
      row.correction = row.impossible || !row.correction ? undefined : normalLabel(row.correction);
      if (slices.isOver) await slices.next();
    }
    return rows;
  }

  async knownAnswers(db: Queryable, workspace: string): Promise<Map<string, string>> {
    const rows = await db.query<{ input_key: string; answer: string }>(
      `select input_key, left(answer, ${LABEL_CHARACTERS_MAX}) as answer from known_answers where workspace = $1 limit 100000`,
      [workspace],
    );
    return new Map(rows.map((row) => [row.input_key, normalLabel(row.answer)]));
  }

  async putKnownAnswers(
    db: Queryable,
    workspace: string,
    answers: readonly { inputKey: string; answer: string }[],
  ): Promise<void> {
    const unique = new Map(answers.map((each) => [each.inputKey, each.answer]));
    await db.query(
      `insert into known_answers (workspace, input_key, answer) select $1, k, a from unnest($2::text[], $3::text[]) as t (k, a)
       on conflict (workspace, input_key) do update set answer = excluded.answer`,
      [workspace, [...unique.keys()], [...unique.values()]],
    );
  }

  find(db: Queryable, workspace: string, raterHash: string): Promise<Rater | undefined> {
    return this.one(db, 'where workspace = $1 and rater_hash = $2', [workspace, raterHash]);
  }

  lock(db: Queryable, workspace: string, raterHash: string): Promise<Rater | undefined> {
    return this.one(db, 'where workspace = $1 and rater_hash = $2 for update', [workspace, raterHash]);
  }

  async save(db: Queryable, rater: Rater, events: number): Promise<number> {
    const [row] = await db.query<{ version: string }>(
      `update raters set state = $3, reason = $4, evidence = $5, version = version + $6,
         state_time = case when state = $3 then state_time else now() end
       where workspace = $1 and rater_hash = $2 returning version`,
      [rater.workspace, rater.raterHash, rater.state, rater.reason, JSON.stringify(rater.evidence), events],
    );
    return Number(row?.version ?? 0);
  }

  async list(
    db: Queryable,
    filter: { workspace: string; state?: string },
    page: { after?: string; size: number },
  ): Promise<Rater[]> {
    const rows = await db.query<RaterRow>(
      `select ${COLUMNS} from raters where workspace = $1 and ($2::text is null or state = $2)
         and ($3::text is null or rater_hash > $3) order by rater_hash limit $4`,
      [filter.workspace, filter.state ?? null, page.after ?? null, page.size],
    );
    return rows.map(toRater);
  }

  async retract(db: Queryable, rater: Rater, reason: string): Promise<string[]> {
    const rows = await db.query<{ id: string }>(
      `update feedback set state = 'retracted', state_reason = $3
       where workspace = $1 and rater_hash = $2 and state = 'accepted' returning id`,
      [rater.workspace, rater.raterHash, reason],
    );
    return rows.map((row) => row.id).sort();
  }

  private async one(db: Queryable, where: string, params: unknown[]): Promise<Rater | undefined> {
    const [row] = await db.query<RaterRow>(`select ${COLUMNS} from raters ${where}`, params);
    return row && toRater(row);
  }
}
