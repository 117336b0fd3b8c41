// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import { HistoryRepository, type History, type PastItsTime } from './history.repository';

const KEPT = `make_interval(days => $1)`;

const OLD: Readonly<Record<History, { table: string; where: string }>> = {
  inferences: { table: 'inferences', where: `receive_time < now() - ${KEPT}` },
  'webhook-deliveries': { table: 'webhook_deliveries', where: `state <> 'pending' and update_time < now() - ${KEPT}` },
  'rater-days': { table: 'rater_days', where: `day < (now() - ${KEPT})::date` },
};

@Injectable()
export class TypeormHistory extends HistoryRepository {
  async prune(db: Queryable, history: History, { retentionDays, rowsMax }: PastItsTime): Promise<number> {
    const { table, where } = OLD[history];
    const gone = await db.query(
      `delete from ${table} where ctid = any(array(select ctid from ${table} where ${where} limit $2 for update skip locked)) returning 1`,
      [retentionDays, rowsMax],
    );
    return gone.length;
  }
}
