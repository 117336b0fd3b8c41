// SPDX-License-Identifier: Apache-2.0
import type { Database, Transaction, UnitOfWork } from '#libs/persistence';
import type { TopicRow } from './log-store';

/** A partition that a member owns. `epoch` is the fencing token: it rises with each change of owner. */
export interface Claim {
  topicId: number;
  partition: number;
  epoch: string;
  committed: bigint;
}

export interface Member {
  id: string;
  group: string;
  topics: TopicRow[];
}

/** What a rebalance came to for one member. */
export interface Share {
  /** Taken now, from nobody or from a dead member. */
  taken: Claim[];
  /** Partitions per topic id that this member should own, at most. */
  quota: Map<number, number>;
  /** Everything recorded as this member's, 'topicId/partition/epoch'. */
  owned: Set<string>;
}

interface ClaimRow {
  topic_id: number;
  partition: number;
  epoch: string;
  committed: string;
}

/** Groups of the event log: members with leases, partitions with owners and committed offsets. All times are the database's. */
export class GroupStore {
  constructor(
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
    private readonly leaseMs: number,
  ) {}

  async join(member: Member): Promise<void> {
    await this.database.query(
      `with joined as (
         insert into members (id, group_name, topics, lease_until)
         values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::float8 / 1000))
         on conflict (id) do update set lease_until = excluded.lease_until returning 1)
       select pg_notify('groups', $2) from joined`,
      [member.id, member.group, member.topics.map((topic) => topic.name), this.leaseMs],
    );
  }

  /** Releases everything and tells the others. */
  async leave(member: Member): Promise<void> {
    await this.unitOfWork.run(async (tx) => {
      await lockGroup(tx, member.group);
      await tx.query('update claims set owner = null where group_name = $1 and owner = $2', [member.group, member.id]);
      await tx.query('delete from members where id = $1', [member.id]);
      await tx.query("select pg_notify('groups', $1)", [member.group]);
    });
  }

  /**
   * Extends leases. Gives the members that are not known any more, and the groups in which somebody's lease ran out or a partition
   * lies free: the first to notice a dead member removes it, and it need not be the one whose share grows by that.
   */
  async heartbeat(members: readonly Member[]): Promise<{ lost: Set<string>; expired: Set<string> }> {
    const rows = await this.database.query<{ kind: 'alive' | 'expired' | 'free'; value: string }>(
      `with renewed as (
         update members set lease_until = clock_timestamp() + make_interval(secs => $2::float8 / 1000)
         where id = any($1::uuid[]) returning id)
       select 'alive' as kind, id::text as value from renewed
       union all
       select distinct 'expired', group_name from members
         where group_name = any($3) and lease_until < clock_timestamp() and not id = any($1::uuid[])
       union all
       select distinct 'free', c.group_name from claims c join topics t on t.id = c.topic_id
         join members m on m.group_name = c.group_name and t.name = any(m.topics)
         where c.owner is null and m.id = any($1::uuid[])`,
      [members.map(({ id }) => id), this.leaseMs, [...new Set(members.map(({ group }) => group))]],
    );
    const alive = new Set(rows.filter(({ kind }) => kind === 'alive').map(({ value }) => value));
    return {
      lost: new Set(members.map(({ id }) => id).filter((id) => !alive.has(id))),
      expired: new Set(rows.filter(({ kind }) => kind !== 'alive').map(({ value }) => value)),
    };
  }

  /**
   * Gives this member its fair share as far as partitions are free. Nothing is taken from a living member: who has too much lets
   * go by itself, after the batch in hand (`release`). `running` are claims that this process really works on.
   */
  rebalance(member: Member, running: ReadonlySet<string>): Promise<Share> {
    return this.unitOfWork.run(
      async (tx) => {
        await lockGroup(tx, member.group);
        await this.prepareClaims(tx, member);
        const members = await tx.query<{ id: string; topics: string[] }>(
          'select id, topics from members where group_name = $1 order by id',
          [member.group],
        );
        const share: Share = { taken: [], quota: new Map(), owned: new Set() };
        for (const topic of member.topics) {
          const readers = members.filter((other) => other.topics.includes(topic.name)).map((other) => other.id);
          const rank = readers.indexOf(member.id);
          if (rank < 0) continue; // removed meanwhile: the heartbeat will tell
          await this.takeShare(tx, { member, topic, running, share, rank, readers: readers.length });
        }
        return share;
      },
      { label: `rebalance ${member.group}` },
    );
  }

  /** Lets go of one partition and tells the group. */
  async release(member: Member, claim: Claim): Promise<void> {
    await this.database.query(
      `with released as (
         update claims set owner = null where group_name = $1 and topic_id = $2 and partition = $3 and owner = $4 and epoch = $5 returning 1)
       select pg_notify('groups', $1) from released`,
      [member.group, claim.topicId, claim.partition, member.id, claim.epoch],
    );
  }

  /** Commits an offset; false when the partition belongs to somebody else by now. */
  async commit(member: Member, claim: Claim, offset: bigint): Promise<boolean> {
    const rows = await this.database.query(
      `update claims set committed = $6 where group_name = $1 and topic_id = $2 and partition = $3 and owner = $4 and epoch = $5 returning 1`,
      [member.group, claim.topicId, claim.partition, member.id, claim.epoch, offset.toString()],
    );
    return rows.length > 0;
  }

  private async prepareClaims(tx: Transaction, member: Member): Promise<void> {
    await tx.query(
      `insert into claims (group_name, topic_id, partition)
       select $1, p.topic_id, p.partition from partitions p where p.topic_id = any($2) on conflict do nothing`,
      [member.group, member.topics.map((topic) => topic.id)],
    );
    await tx.query('delete from members where group_name = $1 and lease_until < clock_timestamp() and id <> $2', [
      member.group,
      member.id,
    ]);
    await tx.query(
      `update claims set owner = null where group_name = $1 and owner is not null
       and owner not in (select id from members where group_name = $1)`,
      [member.group],
    );
  }

  private async takeShare(
    tx: Transaction,
    step: { member: Member; topic: TopicRow; running: ReadonlySet<string>; share: Share; rank: number; readers: number },
  ): Promise<void> {
    const { member, topic, running, share, rank, readers } = step;
    const quota = Math.floor(topic.partitions / readers) + (rank < topic.partitions % readers ? 1 : 0);
    share.quota.set(topic.id, quota);
    const mine = (
      await tx.query<ClaimRow>(
        'select topic_id, partition, epoch, committed from claims where group_name = $1 and topic_id = $2 and owner = $3',
        [member.group, topic.id, member.id],
      )
    ).filter((row) => running.has(claimId(toClaim(row))));
    for (const row of mine) share.owned.add(claimId(toClaim(row)));
    // A claim of ours that nobody here works on (we were cut off) is taken again, with a new epoch.
    const taken = await tx.query<ClaimRow>(
      `update claims set owner = $3, epoch = epoch + 1
       where group_name = $1 and topic_id = $2 and partition in (
         select partition from claims where group_name = $1 and topic_id = $2
           and (owner is null or owner = $3) and not partition = any($5) order by partition limit $4)
       returning topic_id, partition, epoch, committed`,
      [member.group, topic.id, member.id, Math.max(0, quota - mine.length), mine.map((row) => row.partition)],
    );
    for (const row of taken) {
      share.taken.push(toClaim(row));
      share.owned.add(claimId(toClaim(row)));
    }
    // A release that failed leaves a claim in our name that nobody works on and that we may not take: set it free for the others.
    await tx.query(
      'update claims set owner = null where group_name = $1 and topic_id = $2 and owner = $3 and not partition = any($4)',
      [member.group, topic.id, member.id, [...mine, ...taken].map((row) => row.partition)],
    );
  }
}

/** Names a claim with its epoch: another epoch of the same partition is another claim. */
export function claimId({ topicId, partition, epoch }: Claim): string {
  return `${topicId}/${partition}/${epoch}`;
}

function toClaim(row: ClaimRow): Claim {
  return { topicId: row.topic_id, partition: row.partition, epoch: row.epoch, committed: BigInt(row.committed) };
}

/** One change of a group at a time, until the transaction ends. */
export async function lockGroup(tx: Transaction, group: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`group ${group}`]);
}
