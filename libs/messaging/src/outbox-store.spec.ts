// SPDX-License-Identifier: Apache-2.0
import { listTopics } from '#libs/contracts';
import { INBOX_DAYS_KEPT } from './outbox-store';

// A message lives until the last one of its segment is old enough; Kafka ends a segment after seven days.
const SEGMENT_DAYS = 7;
/** Topics whose every handler may see an event again, years later: its inbox row is gone by then. */
const REPEATABLE = ['registry.workspace.v1'];

describe('inbox rows', () => {
  it('outlive the messages of every topic that is read, but for those whose handlers change nothing the second time', () => {
    const longer = listTopics().filter(
      ({ consumers, retentionDays }) => consumers.length > 0 && retentionDays + SEGMENT_DAYS >= INBOX_DAYS_KEPT,
    );
    expect(longer.map(({ name }) => name)).toEqual(REPEATABLE);
  });
});
