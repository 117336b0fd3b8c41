// SPDX-License-Identifier: Apache-2.0
import { CommonErrors } from '#libs/errors';
import { MessagingErrors, type EventPublisher } from '#libs/messaging';
import { Metrics, silentLogger } from '#libs/observability';
import { PersistenceErrors, type UnitOfWork } from '#libs/persistence';
import type { GatewaySettings } from '../config';
import { GatewayMetrics } from '../gateway.metrics';
import type { Inference } from './inference';
import { RecordInferences } from './record-inferences';

const settings = { eventQueueMax: 100, eventQueueBytesMax: 1e9, eventFlushMs: 1000, workDir: '/nonexistent' } as GatewaySettings;

const inference = (inferenceId: string): Inference =>
  ({
    ...{ inferenceId, workspace: 'default', endpoint: 'triage', inputText: '', outputText: '', errorCode: '', finishReason: '' },
    ...{ responseId: '', requestTime: new Date(1_000), chosen: { arm: 'none', rolloutId: '', target: {} } },
  }) as unknown as Inference;

describe('RecordInferences', () => {
  let written: string[];
  let failures: Partial<Record<string, Error>>;
  let record: RecordInferences;

  beforeEach(() => {
    [written, failures] = [[], {}];
    const unitOfWork = { run: (work: (tx: object) => Promise<unknown>) => work({}) } as unknown as UnitOfWork;
    // Refuses what contains an event that shall fail.
    const publishMany = async (_tx: unknown, _definition: unknown, events: readonly { id: string }[]): Promise<void> => {
      const failure = events.map(({ id }) => failures[id]).find((each) => each !== undefined);
      if (failure) throw failure;
      written.push(...events.map(({ id }) => id));
    };
    const publisher = { publishMany } as unknown as EventPublisher;
    const metrics = new GatewayMetrics(new Metrics('gateway'));
    record = new RecordInferences(unitOfWork, publisher, metrics, silentLogger(), settings);
    for (const id of ['a', 'b', 'c']) record.queue.push(inference(id));
  });

  it.each([
    ['a value that its column cannot hold', PersistenceErrors.INVALID_VALUE('x', { sqlstate: '22021' })],
    ['a rule of the table', PersistenceErrors.CHECK_VIOLATION('x', { sqlstate: '23514' })],
    ['a rule that nobody has named', PersistenceErrors.QUERY_FAILED('x', { sqlstate: '23P01' })],
    ['its size', MessagingErrors.EVENT_TOO_LARGE('x')],
    ['what cannot be made an event', new RangeError('Invalid time value')],
    ['what the publisher takes for no event', CommonErrors.INTERNAL('an event needs a workspace')],
  ])('gives up the one event that is refused for %s', async (_name, error) => {
    failures = { b: error };
    await record.flush();
    expect(written).toEqual(['a', 'c']);
    expect(record.queue.listDropped('default', 9)).toMatchObject([{ inferenceId: 'b', reason: 'unwritable' }]);
    expect(record.queue.size).toBe(0);
  });

  it('takes one that is there already for written', async () => {
    failures = { b: PersistenceErrors.UNIQUE_VIOLATION('x', { sqlstate: '23505' }) };
    await record.flush();
    expect([written, record.queue.droppedTotal, record.queue.size]).toEqual([['a', 'c'], 0, 0]);
  });

  it.each([
    ['a right that is missing', PersistenceErrors.QUERY_FAILED('x', { sqlstate: '42501' })],
    ['a table that is missing', PersistenceErrors.QUERY_FAILED('x', { sqlstate: '42P01' })],
    ['a damaged database', PersistenceErrors.QUERY_FAILED('x', { sqlstate: 'XX001' })],
    ['a statement that could not be sent', PersistenceErrors.QUERY_FAILED('x')],
    ['a database that is away', PersistenceErrors.UNAVAILABLE('x')],
    ['a commit of unknown outcome', PersistenceErrors.COMMIT_UNKNOWN('x')],
    ['a transaction that was rolled back', PersistenceErrors.TRANSACTION_ABORTED('x')],
    ['time that ran out', CommonErrors.DEADLINE('x')],
  ])('keeps all that waits over %s', async (_name, error) => {
    failures = { b: error };
    await expect(record.flush()).rejects.toBe(error);
    expect([written, record.queue.droppedTotal, record.queue.size]).toEqual([[], 0, 3]);
    failures = {};
    await record.flush();
    expect([written, record.queue.size]).toEqual([['a', 'b', 'c'], 0]);
  });

  it('counts one that is refused once, however often its batch comes again', async () => {
    failures = { a: MessagingErrors.EVENT_TOO_LARGE('x'), c: PersistenceErrors.QUERY_FAILED('x', { sqlstate: '42P01' }) };
    for (let round = 0; round < 3; round += 1) await expect(record.flush()).rejects.toBe(failures['c']);
    failures = { a: failures['a'] };
    await record.flush();
    expect([record.queue.droppedTotal, record.queue.size]).toEqual([1, 0]);
  });
});
