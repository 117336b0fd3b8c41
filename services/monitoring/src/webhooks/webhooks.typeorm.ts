// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { isUniqueViolation, type Queryable } from '#libs/persistence';
import { MonitoringErrors } from '../monitoring.errors';
import {
  WEBHOOKS_MAX,
  WebhooksRepository,
  type Delivery,
  type DeliveryClaim,
  type DueDeliveries,
  type NewDelivery,
  type SettledDelivery,
  type Webhook,
} from './webhooks.repository';

const COLUMNS = `workspace, id, webhook_id as "webhookId", alert_id as "alertId", url, body, state, attempts,
  attempt_time as "attemptTime", fence, status_code as "statusCode", last_error as "lastError", create_time as "createTime"`;

type DeliveryRow = Omit<Delivery, 'fence'> & { fence: string };

function toDelivery(row: DeliveryRow): Delivery {
  return { ...row, fence: Number(row.fence) };
}

@Injectable()
export class TypeormWebhooks extends WebhooksRepository {
  // Two at once may both find the last place free: the bound is there to be far below what a list gives, not to be exact.
  async insert(db: Queryable, { workspace, id, name, url, sendResolved }: Webhook): Promise<void> {
    try {
      const inserted = await db.query(
        `insert into webhooks (workspace, id, name, url, send_resolved) select $1, $2, $3, $4, $5
         where (select count(*) from webhooks where workspace = $1) < $6 returning 1`,
        [workspace, id, name, url, sendResolved, WEBHOOKS_MAX],
      );
      if (inserted.length === 0)
        throw MonitoringErrors.TOO_MANY_WEBHOOKS(`the workspace has ${WEBHOOKS_MAX} webhooks already`, {
          webhooksMax: WEBHOOKS_MAX,
        });
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      throw MonitoringErrors.MONITOR_NAME_TAKEN(`a webhook named ${name} exists`, { field: 'name' }, error);
    }
  }

  list(db: Queryable, workspace: string): Promise<Webhook[]> {
    return db.query<Webhook>(
      `select workspace, id, name, url, send_resolved as "sendResolved", create_time as "createTime" from webhooks
       where workspace = $1 order by name limit 1000`,
      [workspace],
    );
  }

  async delete(db: Queryable, workspace: string, id: string): Promise<boolean> {
    const rows = await db.query('delete from webhooks where workspace = $1 and id = $2 returning id', [workspace, id]);
    return rows.length > 0;
  }

  async insertDeliveries(db: Queryable, deliveries: readonly NewDelivery[]): Promise<void> {
    for (const each of deliveries) {
      await db.query(
        `insert into webhook_deliveries (workspace, id, webhook_id, alert_id, url, body, state)
         values ($1, $2, $3, $4, $5, $6, 'pending')`,
        [each.workspace, each.id, each.webhookId, each.alertId, each.url, JSON.stringify(each.body)],
      );
    }
  }

  // A probe of the index per workspace that waits: a look costs the same however many deliveries one of them has waiting.
  async due(db: Queryable): Promise<DueDeliveries> {
    const [row] = await db.query<DueDeliveries>(
      `with recursive waiting (workspace) as (
         (select workspace from webhook_deliveries where state = 'pending' order by workspace limit 1)
         union all
         select (select d.workspace from webhook_deliveries d where d.state = 'pending' and d.workspace > w.workspace
                 order by d.workspace limit 1)
           from waiting w where w.workspace is not null)
       select now()::text as "dueTime", coalesce(array_agg(workspace), '{}') as workspaces from waiting w
       where exists (select 1 from webhook_deliveries d
                     where d.workspace = w.workspace and d.state = 'pending' and d.attempt_time <= now())`,
    );
    return row;
  }

  async claim(db: Queryable, { workspace, dueTime, leaseSeconds }: DeliveryClaim): Promise<Delivery | undefined> {
    const [row] = await db.query<DeliveryRow>(
      `update webhook_deliveries set attempts = attempts + 1, fence = fence + 1, attempt_time = now() + make_interval(secs => $3)
       where (workspace, id) = ( -- "in" may be planned so that the subquery, with its lock, runs more than once
         select workspace, id from webhook_deliveries where workspace = $1 and state = 'pending' and attempt_time <= $2::timestamptz
         order by attempt_time limit 1 for update skip locked)
       returning ${COLUMNS}`,
      [workspace, dueTime, leaseSeconds],
    );
    return row && toDelivery(row);
  }

  async settle(db: Queryable, delivery: SettledDelivery): Promise<void> {
    await db.query(
      `update webhook_deliveries set state = $4, attempt_time = now() + make_interval(secs => $5), status_code = $6,
         last_error = $7, update_time = now()
       where workspace = $1 and id = $2 and fence = $3 and state = 'pending'`,
      [
        delivery.workspace,
        delivery.id,
        delivery.fence,
        delivery.state,
        delivery.retrySeconds,
        delivery.statusCode,
        delivery.lastError,
      ],
    );
  }

  async release(db: Queryable, { workspace, id, fence }: Delivery): Promise<void> {
    await db.query(
      `update webhook_deliveries set attempts = attempts - 1, attempt_time = now(), update_time = now()
       where workspace = $1 and id = $2 and fence = $3 and state = 'pending'`,
      [workspace, id, fence],
    );
  }

  async deliveries(db: Queryable, workspace: string, page: { before?: string; size: number }): Promise<Delivery[]> {
    const rows = await db.query<DeliveryRow>(
      `select ${COLUMNS} from webhook_deliveries where workspace = $1 and ($2::text is null or id < $2) order by id desc limit $3`,
      [workspace, page.before ?? null, page.size],
    );
    return rows.map(toDelivery);
  }
}
