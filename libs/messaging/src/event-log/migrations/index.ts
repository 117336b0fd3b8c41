// SPDX-License-Identifier: Apache-2.0
import { CreateEventLog1763900000201 } from './1763900000201-create-event-log';
import { IndexMessagesByAge1763900000202 } from './1763900000202-index-messages-by-age';

/** The schema of the database `millrace_events`. */
export const eventLogMigrations = [CreateEventLog1763900000201, IndexMessagesByAge1763900000202];
