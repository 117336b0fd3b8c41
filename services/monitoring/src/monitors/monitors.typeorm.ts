// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { isUniqueViolation, type Queryable } from '#libs/persistence';
import { MonitoringErrors } from '../monitoring.errors';
import type { DriftRow } from './drift-detection';
import type { Monitor } from './monitor';
import { MonitorsRepository, type RatedEvent, type TimedRow } from './monitors.repository';

const COLUMNS = `workspace, id, name, kind, endpoint, model_name as "modelName", metric, config, state,
  state_reason as "stateReason", state_time as "stateTime", baseline, last_evaluation as "lastEvaluation",
  observe_from as "observeFrom", evaluate_time as "evaluateTime", version, create_time as "createTime",
  update_time as "updateTime"`;

/** Of a text, for drift: thousands of requests are in memory together, and their words are counted between two turns of the event loop. */
const SEEN_CHARACTERS_MAX = 8_000;
const seen = (text: string): string => `left(${text}, ${SEEN_CHARACTERS_MAX})`;

type MonitorRow = Omit<Monitor, 'version'> & { version: string };

function toMonitor(row: MonitorRow): Monitor {
  return { ...row, version: Number(row.version) };
}

@Injectable()
export class TypeormMonitors extends MonitorsRepository {
  async insert(db: Queryable, monitor: Monitor): Promise<void> {
    try {
      await db.query(
        `insert into monitors (workspace, id, name, kind, endpoint, model_name, metric, config, state, state_reason, baseline,
           last_evaluation, observe_from, evaluate_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
        [
          monitor.workspace,
          monitor.id,
          monitor.name,
          monitor.kind,
          monitor.endpoint,
          monitor.modelName,
          monitor.metric,
          JSON.stringify(monitor.config),
          monitor.state,
          monitor.stateReason,
          JSON.stringify(monitor.baseline),
          JSON.stringify(monitor.lastEvaluation),
          monitor.observeFrom,
          monitor.evaluateTime,
        ],
      );
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      throw MonitoringErrors.MONITOR_NAME_TAKEN(`a monitor named ${monitor.name} exists`, { field: 'name' }, error);
    }
  }

  async save(db: Queryable, monitor: Monitor): Promise<void> {
    await db.query(
      `update monitors set state = $3, state_reason = $4, state_time = $5, baseline = $6, last_evaluation = $7,
         observe_from = $8, evaluate_time = $9, version = version + 1, update_time = now()
       where workspace = $1 and id = $2`,
      [
        monitor.workspace,
        monitor.id,
        monitor.state,
        monitor.stateReason,
        monitor.stateTime,
        JSON.stringify(monitor.baseline),
        JSON.stringify(monitor.lastEvaluation),
        monitor.observeFrom,
        monitor.evaluateTime,
      ],
    );
  }

  find(db: Queryable, workspace: string, idOrName: string): Promise<Monitor | undefined> {
    return this.one(db, `where workspace = $1 and (id = $2 or name = $2)`, [workspace, idOrName]);
  }

  lock(db: Queryable, workspace: string, idOrName: string): Promise<Monitor | undefined> {
    return this.one(db, `where workspace = $1 and (id = $2 or name = $2) for update`, [workspace, idOrName]);
  }

  async list(db: Queryable, workspace: string, page: { after?: string; size: number }): Promise<Monitor[]> {
    const rows = await db.query<MonitorRow>(
      `select ${COLUMNS} from monitors where workspace = $1 and ($2::text is null or name > $2) order by name limit $3`,
      [workspace, page.after ?? null, page.size],
    );
    return rows.map(toMonitor);
  }

  async delete(db: Queryable, workspace: string, id: string): Promise<void> {
    await db.query('delete from monitor_reference_rows where workspace = $1 and monitor_id = $2', [workspace, id]);
    await db.query('delete from monitors where workspace = $1 and id = $2', [workspace, id]);
  }

  claimDue(db: Queryable): Promise<Monitor | undefined> {
    return this.one(db, 'where evaluate_time <= now() order by evaluate_time limit 1 for update skip locked', []);
  }

  async putOff(db: Queryable, monitor: Monitor, reason: string): Promise<void> {
    await db.query(
      `update monitors set state = case when state = 'ok' then 'unknown' else state end, state_reason = $3,
         evaluate_time = now() + make_interval(secs => $4), update_time = now()
       where workspace = $1 and id = $2`,
      [monitor.workspace, monitor.id, reason, monitor.config.evaluateSeconds],
    );
  }

  async lockOfEndpoint(db: Queryable, workspace: string, endpoint: string): Promise<Monitor[]> {
    const rows = await db.query<MonitorRow>(
      `select ${COLUMNS} from monitors where workspace = $1 and endpoint = $2 order by id for update`,
      [workspace, endpoint],
    );
    return rows.map(toMonitor);
  }

  referenceRows(db: Queryable, monitor: Monitor): Promise<DriftRow[]> {
    return db.query<DriftRow>(
      `select row_id as id, ${seen('input')} as input, ${seen('answer')} as answer from monitor_reference_rows where workspace = $1 and monitor_id = $2 order by ordinal`,
      [monitor.workspace, monitor.id],
    );
  }

  async putReferenceRows(db: Queryable, monitor: Monitor, rows: readonly DriftRow[]): Promise<void> {
    await db.query('delete from monitor_reference_rows where workspace = $1 and monitor_id = $2', [
      monitor.workspace,
      monitor.id,
    ]);
    await db.query(
      `insert into monitor_reference_rows (workspace, monitor_id, ordinal, row_id, input, answer)
       select $1, $2, ordinal, id, input, answer
       from unnest($3::text[], $4::text[], $5::text[]) with ordinality as t (id, input, answer, ordinal)`,
      [monitor.workspace, monitor.id, rows.map((row) => row.id), rows.map((row) => row.input), rows.map((row) => row.answer)],
    );
  }

  async requests(
    db: Queryable,
    monitor: Monitor,
    choice: { after: Date; which: 'oldest' | 'newest'; rowsMax: number },
  ): Promise<TimedRow[]> {
    const order = choice.which === 'oldest' ? 'asc' : 'desc';
    const rows = await db.query<TimedRow>(
      `select id, ${seen('input_text')} as input, ${seen('trim(output_text)')} as answer, request_time as "requestTime" from inferences
       where workspace = $1 and endpoint = $2 and request_time > $3 and status_code between 200 and 299 and input_text <> ''
       order by request_time ${order}, id ${order} limit $4`,
      [monitor.workspace, monitor.endpoint, choice.after, choice.rowsMax],
    );
    return choice.which === 'oldest' ? rows : rows.reverse();
  }

  async lastRequestTime(db: Queryable, monitor: Monitor): Promise<Date | undefined> {
    const [row] = await db.query<{ time: Date | null }>(
      'select max(request_time) as time from inferences where workspace = $1 and endpoint = $2',
      [monitor.workspace, monitor.endpoint],
    );
    return row?.time ?? undefined;
  }

  ratedEvents(db: Queryable, monitor: Monitor, choice: { after: string; rowsMax: number }): Promise<RatedEvent[]> {
    return db.query<RatedEvent>(
      `select inference_id as "inferenceId", good,
         to_char(match_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "matchTime"
       from feedback
       where workspace = $1 and endpoint = $2 and metric = $3 and state = 'accepted' and match_time > $4 and good is not null
         and arm <> 'candidate'
       order by match_time, id limit $5`,
      [monitor.workspace, monitor.endpoint, monitor.metric, choice.after, choice.rowsMax],
    );
  }

  private async one(db: Queryable, where: string, params: unknown[]): Promise<Monitor | undefined> {
    const [row] = await db.query<MonitorRow>(`select ${COLUMNS} from monitors ${where}`, params);
    return row && toMonitor(row);
  }
}
