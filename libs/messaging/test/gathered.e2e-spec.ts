// SPDX-License-Identifier: Apache-2.0
import { createTestDatabase, dropTestDatabase } from '#libs/testing';
import { eventLogMigrations } from '../src';
import { describeGathered } from './gathered-contract';

jest.setTimeout(60_000);

const made: string[] = [];

describeGathered('the event log', async () => {
  const eventLog = await createTestDatabase('events', eventLogMigrations);
  made.push(eventLog);
  return { urls: { eventLog }, topic: 'feedback.v1' };
});
afterAll(() => Promise.all(made.map((url) => dropTestDatabase(url))));
