// SPDX-License-Identifier: Apache-2.0
import type { OffsetsByTopicPartition } from 'kafkajs';
import { PositionCommits } from './position-commits';

describe('the positions of one consumer', () => {
  const commits = new PositionCommits();
  let sent: string[];
  let answers: { resolve: () => void; reject: (error: Error) => void }[];
  const send = ({ topics }: OffsetsByTopicPartition): Promise<void> => {
    const flat = topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => `${topic}/${partition}=${offset}`),
    );
    sent.push(flat.join(' '));
    return new Promise((resolve, reject) => answers.push({ resolve, reject }));
  };
  const commit = (topic: string, partition: number, offset: number): Promise<void> =>
    commits.commit({ topic, partition, offset: String(offset) }, send);
  const turns = async (): Promise<void> => {
    for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  beforeEach(() => {
    sent = [];
    answers = [];
  });

  it('that come in the same turn go as one, and each of them hears of it', async () => {
    const all = [commit('a', 0, 5), commit('b', 0, 7), commit('a', 1, 9)];
    await turns();
    expect(sent).toEqual(['a/0=5 a/1=9 b/0=7']);
    answers[0].resolve();
    await Promise.all(all);
  });

  it('that come while a commit is under way wait for its answer and then go as one, the latest of a partition', async () => {
    const first = commit('a', 0, 5);
    await turns();
    const later = [commit('a', 1, 3), commit('a', 0, 6), commit('a', 0, 8)];
    await turns();
    expect(sent).toEqual(['a/0=5']);
    answers[0].resolve();
    await first;
    await turns();
    expect(sent).toEqual(['a/0=5', 'a/1=3 a/0=8']);
    answers[1].resolve();
    await Promise.all(later);
  });

  it('that Kafka refuses reject for all that were in it, and the next ones are sent all the same', async () => {
    const refused = [commit('a', 0, 5), commit('a', 1, 5)];
    await turns();
    answers[0].reject(new Error('not a member any more'));
    await expect(refused[0]).rejects.toThrow('not a member');
    await expect(refused[1]).rejects.toThrow('not a member');
    const next = commit('a', 0, 6);
    await turns();
    expect(sent.at(-1)).toBe('a/0=6');
    answers[1].resolve();
    await next;
  });
});
