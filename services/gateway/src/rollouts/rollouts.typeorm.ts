// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { CommonErrors } from '#libs/errors';
import { decodePageToken, encodePageToken, type Queryable, type Transaction } from '#libs/persistence';
import type { Judgement } from './rollout-rules';
import type { Rollout, RolloutState } from './rollout';
import { RolloutsRepository, type RolloutPage } from './rollouts.repository';

interface RolloutRow {
  workspace: string;
  id: string;
  endpoint: string;
  model_name: string;
  alias: string;
  state: RolloutState;
  control_version: number;
  control_digest: string;
  candidate_version: number;
  candidate_digest: string;
  steps: number[];
  step: number;
  judgement: Judgement;
  verdict_id: string;
  actor: string;
  reason: string;
  sequence: string;
  start_time: Date;
  end_time: Date | null;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Rollouts in PostgreSQL. */
@Injectable()
export class PgRolloutsRepository extends RolloutsRepository {
  async find(db: Queryable, workspace: string, id: string): Promise<Rollout | undefined> {
    if (!UUID.test(id)) return undefined;
    const [row] = await db.query<RolloutRow>('select * from rollouts where workspace = $1 and id = $2', [workspace, id]);
    return row && toRollout(row);
  }

  async list(db: Queryable, workspace: string, page: { size: number; token: string; endpoint: string }): Promise<RolloutPage> {
    const filter = ['rollouts', workspace, page.endpoint];
    const after = decodePageToken(page.token, ['time', 'uuid'], filter);
    const rows = await db.query<RolloutRow & { key_time: string }>(
      `select *, start_time::text as key_time from rollouts where workspace = $1 and ($2 = '' or endpoint = $2)
         and ($4::text is null or (start_time, id) < ($4::timestamptz, $5::uuid))
       order by start_time desc, id desc limit $3`,
      [workspace, page.endpoint, page.size + 1, ...(after ?? [null, null])],
    );
    const kept = rows.slice(0, page.size);
    const last = kept.at(-1);
    const nextPageToken = rows.length > page.size && last ? encodePageToken([last.key_time, last.id], filter) : '';
    return { rollouts: kept.map(toRollout), nextPageToken };
  }

  async insert(tx: Transaction, rollout: Rollout): Promise<void> {
    await tx.query(
      `insert into rollouts (workspace, id, endpoint, model_name, alias, state, control_version, control_digest, candidate_version,
         candidate_digest, steps, step, judgement, sequence, start_time)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
      [
        rollout.workspace,
        rollout.id,
        rollout.endpoint,
        rollout.modelName,
        rollout.alias,
        rollout.state,
        rollout.control.version,
        rollout.control.manifestDigest,
        rollout.candidate.version,
        rollout.candidate.manifestDigest,
        JSON.stringify(rollout.steps),
        rollout.step,
        JSON.stringify(rollout.judgement),
        rollout.sequence,
        rollout.startTime,
      ],
    );
  }

  async save(tx: Transaction, rollout: Rollout): Promise<void> {
    const { workspace, id, state, step, verdictId, actor, reason, sequence, endTime } = rollout;
    const rows = await tx.query(
      `update rollouts set state = $3, step = $4, verdict_id = $5, actor = $6, reason = $7, sequence = $8, end_time = $9
       where workspace = $1 and id = $2 and state = 'running' returning 1`,
      [workspace, id, state, step, verdictId, actor, reason, sequence, endTime ?? null],
    );
    if (rows.length === 0) throw CommonErrors.CONFLICT(`rollout ${id} is not running any more`);
  }
}

function toRollout(row: RolloutRow): Rollout {
  return {
    workspace: row.workspace,
    id: row.id,
    endpoint: row.endpoint,
    modelName: row.model_name,
    alias: row.alias,
    state: row.state,
    control: { version: row.control_version, manifestDigest: row.control_digest },
    candidate: { version: row.candidate_version, manifestDigest: row.candidate_digest },
    steps: row.steps,
    step: row.step,
    judgement: row.judgement,
    verdictId: row.verdict_id,
    actor: row.actor,
    reason: row.reason,
    sequence: Number(row.sequence),
    startTime: row.start_time,
    endTime: row.end_time ?? undefined,
  };
}
