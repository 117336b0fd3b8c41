// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '#libs/observability';
import { createTestDatabase, dropTestDatabase } from '#libs/testing';
import { EventLogBroker, EventLogOffsets, eventLogMigrations } from '../src';
import { describeGroupOffsets } from './offsets-contract';

jest.setTimeout(120_000);

let databaseUrl: string;

beforeAll(async () => {
  databaseUrl = await createTestDatabase('events', eventLogMigrations);
});
afterAll(() => dropTestDatabase(databaseUrl));

describeGroupOffsets('event log', () => ({
  connect: async () => {
    const broker = new EventLogBroker({ databaseUrl, service: 'spec', logger: silentLogger() });
    await broker.start();
    return broker;
  },
  offsets: () => new EventLogOffsets(databaseUrl),
  movesLiveGroups: true,
}));
