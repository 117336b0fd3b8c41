// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import { AlertsRepository, type Alert } from './alerts.repository';

const COLUMNS = `workspace, id, monitor_id as "monitorId", kind, severity, model_name as "modelName", endpoint, state, direction,
  effect, p_value as "pValue", summary, details, sample_inference_ids as "sampleInferenceIds", start_time as "startTime",
  end_time as "endTime", resolve_reason as "resolveReason"`;

@Injectable()
export class TypeormAlerts extends AlertsRepository {
  async insertFiring(db: Queryable, alert: Alert): Promise<boolean> {
    const rows = await db.query(
      `insert into alerts (workspace, id, monitor_id, kind, severity, model_name, endpoint, state, direction, effect, p_value,
         summary, details, sample_inference_ids, start_time)
       values ($1, $2, $3, $4, $5, $6, $7, 'firing', $8, $9, $10, $11, $12, $13, $14)
       on conflict (workspace, monitor_id) where state = 'firing' do nothing returning id`,
      [
        alert.workspace,
        alert.id,
        alert.monitorId,
        alert.kind,
        alert.severity,
        alert.modelName,
        alert.endpoint,
        alert.direction,
        alert.effect,
        alert.pValue,
        alert.summary,
        JSON.stringify(alert.details),
        alert.sampleInferenceIds,
        alert.startTime,
      ],
    );
    return rows.length > 0;
  }

  async resolve(
    db: Queryable,
    key: { workspace: string; monitorId: string },
    end: { time: Date; reason: string },
  ): Promise<Alert | undefined> {
    const [row] = await db.query<Alert>(
      `update alerts set state = 'resolved', end_time = $3, resolve_reason = $4
       where workspace = $1 and monitor_id = $2 and state = 'firing' returning ${COLUMNS}`,
      [key.workspace, key.monitorId, end.time, end.reason],
    );
    return row;
  }

  async find(db: Queryable, workspace: string, id: string): Promise<Alert | undefined> {
    const [row] = await db.query<Alert>(`select ${COLUMNS} from alerts where workspace = $1 and id = $2`, [workspace, id]);
    return row;
  }

  list(
    db: Queryable,
    filter: { workspace: string; state?: string; modelName?: string },
    page: { before?: string; size: number },
  ): Promise<Alert[]> {
    return db.query<Alert>(
      `select ${COLUMNS} from alerts where workspace = $1 and ($2::text is null or state = $2)
         and ($3::text is null or model_name = $3) and ($4::text is null or id < $4) order by id desc limit $5`,
      [filter.workspace, filter.state ?? null, filter.modelName ?? null, page.before ?? null, page.size],
    );
  }

  firingOfModel(db: Queryable, workspace: string, modelName: string): Promise<Alert[]> {
    return db.query<Alert>(
      `select ${COLUMNS} from alerts where workspace = $1 and model_name = $2 and state = 'firing' order by id`,
      [workspace, modelName],
    );
  }
}
