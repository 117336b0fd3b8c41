// SPDX-License-Identifier: Apache-2.0
import { SmallDisk } from '../faults/support/small-disk';
import { describeDiskFull } from './disk-full';
import { describeKeyRotation } from './key-rotation';
import { describeOnEventLog } from './on-event-log';
import { describeOnKafka } from './on-kafka';
import { listRunbooks, RunbookFollower } from './runbook';

jest.setTimeout(200_000);

/** Every command of the runbooks, on a platform that has the trouble. Needs psql and curl, and root on Linux for a disk that is full. */
describe('runbooks', () => {
  const follower = new RunbookFollower();
  const noDisk = SmallDisk.unable();

  describeOnEventLog(follower);
  describeOnKafka(follower);
  describeKeyRotation(follower);
  if (noDisk === undefined) describeDiskFull(follower);

  it(`leaves out no command of any page${noDisk === undefined ? '' : ` but disk-full (${noDisk})`}`, () => {
    const pages = listRunbooks().filter((page) => noDisk === undefined || page !== 'disk-full');
    expect(follower.undone(pages)).toEqual([]);
  });
});
