// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';

/**
 * The database's time, in a transaction that of its start. Times that replicas compare are taken from here: written by the clock of one
 * process they mean something else to another, or to itself once its clock is put right.
 */
export async function databaseTime(db: Queryable): Promise<Date> {
  const [row] = await db.query<{ time: Date }>('select now() as time');
  return row.time;
}
