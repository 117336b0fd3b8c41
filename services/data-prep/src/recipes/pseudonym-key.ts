// SPDX-License-Identifier: Apache-2.0
import { createHmac } from 'node:crypto';
import type { DataPrepSettings } from '../config';

/** Without any key (local mode) pseudonyms are stable, and no secret. */
const LOCAL_KEY = 'millrace local pseudonyms';

/** Key of a workspace's pseudonyms: what one workspace redacts cannot be matched with another's. */
export function pseudonymKey(settings: Pick<DataPrepSettings, 'pseudonymKey' | 'authSigningKey'>, workspace: string): string {
  const key = settings.pseudonymKey ?? settings.authSigningKey ?? LOCAL_KEY;
  return createHmac('sha256', key).update(`pseudonyms of ${workspace}`).digest('hex');
}
