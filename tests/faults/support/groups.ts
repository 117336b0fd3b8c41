// SPDX-License-Identifier: Apache-2.0
import { AssignerProtocol, Kafka, logLevel } from 'kafkajs';

/** A consumer group as the broker sees it. */
export interface GroupView {
  /** 'Stable' once everybody has a share. */
  state: string;
  /** Partitions (of all topics) of each member. */
  shares: number[];
  /** Sum of the shares. */
  partitions: number;
}

/** Asks the broker about a consumer group. */
export async function viewGroup(brokers: string[], group: string): Promise<GroupView> {
  const admin = new Kafka({ clientId: 'millrace-faults', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.describeGroups([group]);
    const { state, members } = groups[0];
    const shares = state === 'Stable' ? members.map(({ memberAssignment }) => shareOf(memberAssignment)) : [];
    return { state, shares, partitions: shares.reduce((sum, share) => sum + share, 0) };
  } finally {
    await admin.disconnect();
  }
}

function shareOf(encoded: Buffer): number {
  if (encoded.length === 0) return 0;
  const decoded = AssignerProtocol.MemberAssignment.decode(encoded);
  return Object.values(decoded?.assignment ?? {}).reduce((sum, partitions) => sum + partitions.length, 0);
}
