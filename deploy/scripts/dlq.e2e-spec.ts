// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { UuidIds, SystemClock } from '#libs/clock';
import { PgDeadLetters, type IncomingMessage } from '#libs/messaging';
import { projectRoot, useTestDatabase } from '#libs/testing';

jest.setTimeout(60_000);

describe('npm run dlq', () => {
  const database = useTestDatabase('monitoring');

  const dlq = (...args: string[]) => {
    const root = projectRoot();
    const hook = join(root, 'libs/testing/ts-hook.cjs');
    const { PATH, HOME } = process.env;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--require', hook, join(root, 'deploy/scripts/dlq.ts'), ...args],
      {
        encoding: 'utf8',
        env: { PATH, HOME, MONITORING_DATABASE_URL: database.url, MILLRACE_HOME: join(root, 'no-such-home') },
      },
    );
    return { status, stdout, stderr };
  };

  const put = async (offset: string, code: string): Promise<void> => {
    const letters = new PgDeadLetters(database.db, {
      ids: new UuidIds(),
      clock: new SystemClock(),
      build: 'b1',
      counted: () => undefined,
    });
    const message: IncomingMessage = {
      topic: 'feedback.v1',
      partition: 0,
      offset,
      key: 'k',
      value: Buffer.from('{"broken'),
      headers: { ce_id: `event-${offset}`, ce_type: 'millrace.feedback.v1', ce_workspace: 'team-a' },
      time: new Date(),
    };
    await database.uow.run((tx) =>
      letters.put(tx, { consumer: 'monitoring.feedback', message }, { code, message: 'no JSON', attempts: 1 }),
    );
  };

  beforeEach(async () => {
    await database.db.query('delete from dead_letters');
    await put('1', 'MESSAGING.UNREADABLE_DATA');
    await put('2', 'MESSAGING.NOT_AN_EVENT');
  });

  it('lists by code and shows one with headers and payload', () => {
    const lines = dlq('list', '--json', '--code', 'MESSAGING.NOT_AN_EVENT', '--since', '1h').stdout.trim().split('\n');
    expect(lines).toHaveLength(1);
    const letter = JSON.parse(lines[0]) as { id: string };
    expect(letter).toMatchObject({
      service: 'monitoring',
      eventId: 'event-2',
      consumer: 'monitoring.feedback',
      workspace: 'team-a',
    });
    const shown = dlq('show', letter.id).stdout;
    expect(shown).toContain('ce_id: event-2');
    expect(shown).toContain('{"broken');
    expect(dlq('list').stdout).toContain('MESSAGING.UNREADABLE_DATA');
  });

  it('replays and drops what is selected, and never without a selection or a reason', async () => {
    expect(dlq('replay')).toMatchObject({ status: 2, stderr: expect.stringContaining('--all') });
    expect(dlq('drop', '--all')).toMatchObject({ status: 2, stderr: expect.stringContaining('--reason') });
    expect(dlq('replay', '--code', 'MESSAGING.NOT_AN_EVENT').stdout).toContain('1 dead letter changed');
    expect(dlq('drop', '--all', '--reason', 'sent by a broken test client').stdout).toContain('1 dead letter changed');
    expect(await database.db.query('select code, state, reason from dead_letters order by message_offset')).toEqual([
      { code: 'MESSAGING.UNREADABLE_DATA', state: 'dropped', reason: 'sent by a broken test client' },
      { code: 'MESSAGING.NOT_AN_EVENT', state: 'replaying', reason: null },
    ]);
  });

  it('names what is wrong on the command line', () => {
    expect(dlq('list', '--since', 'yesterday').stderr).toContain('--since: "yesterday" is neither an ISO time nor an age');
    expect(dlq('show', '00000000-0000-7000-8000-000000000000').stderr).toContain('No dead letter');
    expect(dlq('list', '--service', 'nothing').stderr).toContain('"nothing" is no service');
    expect(dlq('list', '--colour').status).toBe(2);
  });
});
