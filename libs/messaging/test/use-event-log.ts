// SPDX-License-Identifier: Apache-2.0
import { createTestDatabase, dropTestDatabase } from '#libs/testing';
import { eventLogMigrations } from '../src';

/** An empty event log for each test. `stop` ends everything that uses it, before it is dropped. */
export function useEventLog(stop: () => Promise<unknown>): { readonly url: string } {
  let url = '';
  beforeEach(async () => {
    url = await createTestDatabase('events', eventLogMigrations);
  });
  afterEach(async () => {
    await stop();
    await dropTestDatabase(url);
  });
  return {
    get url() {
      return url;
    },
  };
}
