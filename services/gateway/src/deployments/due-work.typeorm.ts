// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import { DueWorkRepository, SWEPT_NAMES, type SweptName } from './due-work.repository';

/** One statement, so that a quiet second costs one round trip. The conditions are those of the claims, without their locks. */
@Injectable()
export class PgDueWorkRepository extends DueWorkRepository {
  async due(db: Queryable): Promise<SweptName[]> {
    const [row] = await db.query<Record<SweptName, boolean>>(
      `select exists (select 1 from endpoints where resolve_due_at <= now()) as endpoints,
         exists (select 1 from deployments where due_at <= now() and (lease_expires_at is null or lease_expires_at <= now()))
           as deployments,
         exists (select 1 from deployments where state = 'ready' and update_time < now() - interval '1 second') as backends`,
    );
    return SWEPT_NAMES.filter((name) => row?.[name] === true);
  }
}
