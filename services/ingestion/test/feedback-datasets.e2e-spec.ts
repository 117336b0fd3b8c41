// SPDX-License-Identifier: Apache-2.0
import { mintToken, parsePlatformKey } from '#libs/auth';
import { newId } from '#libs/clock';
import { Events, type monitoring } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { Database, UnitOfWork } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { call, startIngestion, type IngestionUnderTest, type Json } from './support';

interface Given {
  text: string;
  rater: string;
  correction?: string;
  answer?: string;
  right?: boolean;
  id?: string;
}

describe('feedback datasets', () => {
  let ingest: IngestionUnderTest;
  let editor: Record<string, string>;
  beforeAll(async () => {
    ingest = await startIngestion({ FEEDBACK_ROWS_PER_RATER_MAX: '3' });
    const key = parsePlatformKey('a-key-for-specs-only-with-32-bytes-or-more');
    editor = {
      authorization: `Bearer ${await mintToken(key, { subject: 'eve', roles: { '*': 'editor' }, expiresInSeconds: 600 })}`,
    };
  }, 60_000);
  afterAll(() => ingest.close());

  let clockMs = Date.UTC(2026, 0, 1);
  function accepted(modelName: string, given: Given): monitoring.FeedbackAccepted {
    clockMs += 1000;
    return {
      feedbackId: given.id ?? newId(),
      inferenceId: newId(),
      matched: true,
      modelName,
      modelVersion: 1,
      endpoint: 'triage',
      rolloutId: '',
      arm: 'none',
      metric: 'correct',
      valueJson: JSON.stringify(given.right ?? false),
      correction: given.correction ?? '',
      inputText: given.text,
      outputText: given.answer ?? '',
      raterHash: given.rater,
      raterKind: 'human_end_user',
      occurredTime: new Date(clockMs),
    };
  }

  async function tell(workspace: string, items: monitoring.FeedbackAccepted[], retract: string[] = []): Promise<void> {
    const publisher = ingest.service.get(EventPublisher);
    await ingest.service.get(UnitOfWork).run(async (tx) => {
      for (const [index, data] of items.entries()) {
        await publisher.publish(tx, Events.FeedbackAccepted, {
          workspace,
          aggregateId: `${data.raterHash}-${newId()}`,
          aggregateVersion: index + 1,
          data,
        });
      }
      if (retract.length > 0) {
        const data = { feedbackIds: retract, raterHash: 'liar', reason: 'disagrees with everybody' };
        await publisher.publish(tx, Events.FeedbackRetracted, { workspace, aggregateId: newId(), aggregateVersion: 1, data });
      }
    });
    const db = ingest.service.get(Database);
    await eventually(
      async () => {
        const rows = await db.query('select 1 from feedback where workspace = $1 and id = any($2)', [
          workspace,
          items.map((item) => item.feedbackId),
        ]);
        const taken = await db.query('select 1 from feedback_retractions where workspace = $1 and feedback_id = any($2)', [
          workspace,
          retract,
        ]);
        expect([rows.length, taken.length]).toEqual([items.length, retract.length]);
        return true;
      },
      { timeoutMs: 20_000 },
    );
  }

  const build = (body: Json, headers: Record<string, string> = {}) =>
    ingest.http('POST', '/feedback-datasets', { body, headers });
  async function rowsOf(versionId: string): Promise<Json[]> {
    const { text } = await ingest.http('GET', `/dataset-versions/${versionId}/export`);
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
  }

  it('takes the majority, leaves out ties, and counts whatever it leaves out', async () => {
    await tell('default', [
      accepted('majority', { text: 'A tall tree', rater: 'r1', correction: 'plant' }),
      accepted('majority', { text: 'a  tall TREE', rater: 'r2', correction: 'plant' }),
      accepted('majority', { text: 'a tall tree', rater: 'r3', correction: 'artifact' }),
      accepted('majority', { text: 'a hammer', rater: 'r1', correction: 'artifact' }),
      accepted('majority', { text: 'a hammer', rater: 'r2', correction: 'food' }),
      accepted('majority', { text: 'a loaf', rater: 'r3', answer: 'food', right: true }),
      accepted('majority', { text: 'a stone', rater: 'r3', answer: 'food', right: false }),
    ]);
    const built = await build({ dataset: 'fb-majority', modelName: 'majority', tags: { purpose: 'retrain' } });
    expect(built).toMatchObject({ status: 201, body: { version: { kind: 'DATASET_VERSION_KIND_FEEDBACK', rowsKept: '2' } } });
    const rows = await rowsOf(built.body.version.id as string);
    expect(rows.map(({ text, label, votes, origin }) => [text.toLowerCase().replace(/\s+/g, ' '), label, votes, origin])).toEqual(
      [
        ['a loaf', 'food', 1, 'confirmation'],
        ['a tall tree', 'plant', 2, 'correction'],
      ],
    );
    expect(rows[1]).toMatchObject({
      inference_id: expect.any(String),
      feedback_id: expect.any(String),
      rater_hash: expect.any(String),
    });
    expect(built.body.leftOut).toEqual({ same_opinion: 1, outvoted: 1, tie: 2, no_label: 1 });
    expect(built.body.version.tags).toEqual({ purpose: 'retrain', source: 'accepted' });
  });

  it('lets nobody own the set', async () => {
    await tell(
      'default',
      Array.from({ length: 8 }, (_, n) => accepted('capped', { text: `word ${n}`, rater: 'eager', correction: 'food' })),
    );
    const built = await build({ dataset: 'fb-capped', modelName: 'capped' });
    expect(built.body).toMatchObject({ version: { rowsKept: '3' }, leftOut: { rater_cap: 5 } });
    const tighter = await ingest.client.buildFeedbackDataset(
      {
        dataset: 'fb-capped',
        modelName: 'capped',
        source: 'FEEDBACK_SOURCE_ACCEPTED' as never,
        rowsPerRaterMax: 1,
        sinceTime: undefined,
        reason: '',
        tags: {},
        requestId: '',
      },
      call,
    );
    expect(tighter).toMatchObject({ version: { rowsKept: '1', version: 2 }, leftOut: { rater_cap: '7' } });
  });

  it('leaves retracted feedback out, whichever came first, and gives it only to an admin with a reason', async () => {
    const early = newId();
    await tell('default', [], [early]);
    const lies = [
      accepted('abused', { text: 'a pear', rater: 'liar', correction: 'person' }),
      accepted('abused', { text: 'a fig', rater: 'liar', correction: 'person', id: early }),
    ];
    await tell(
      'default',
      [accepted('abused', { text: 'a plum', rater: 'honest', correction: 'food' }), ...lies],
      [lies[0].feedbackId],
    );
    const built = await build({ dataset: 'fb-abused', modelName: 'abused' });
    expect((await rowsOf(built.body.version.id as string)).map((row) => row.text)).toEqual(['a plum']);
    const retracted = { dataset: 'fb-lies', modelName: 'abused', source: 'retracted' };
    expect((await build({ ...retracted, reason: 'study' }, editor)).status).toBe(403);
    expect((await build(retracted)).body.errors[0].field).toBe('reason');
    const evidence = await build({ ...retracted, reason: 'evidence for the abuse case' });
    expect((await rowsOf(evidence.body.version.id as string)).map((row) => row.text).sort()).toEqual(['a fig', 'a pear']);
    expect(evidence.body.version.tags).toMatchObject({ source: 'retracted', reason: 'evidence for the abuse case' });
  });

  it('says so when there is nothing to build from, and repeats its answer for a request id', async () => {
    expect(await build({ dataset: 'fb-none', modelName: 'nobody' })).toMatchObject({
      status: 412,
      body: { code: 'INGESTION.NO_FEEDBACK' },
    });
    await expect(ingest.client.getDataset({ dataset: 'fb-none' }, call)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    const first = await build({ dataset: 'fb-again', modelName: 'capped', requestId: 'once' });
    const again = await build({ dataset: 'fb-again', modelName: 'capped', requestId: 'once' });
    expect(again.body.version.id).toBe(first.body.version.id);
    expect(again.body.leftOut).toEqual(first.body.leftOut);
    expect((await build({ dataset: 'fb-again', modelName: 'majority', requestId: 'once' })).body.code).toBe(
      'COMMON.REQUEST_ID_REUSED',
    );
  });

  it('knows no feedback of another workspace', async () => {
    await tell('alpha', [accepted('private', { text: 'a secret', rater: 'r1', correction: 'person' })]);
    const elsewhere = await ingest.http('POST', '/feedback-datasets', {
      body: { dataset: 'fb', modelName: 'private' },
      headers: { 'x-millrace-workspace': 'beta' },
    });
    expect(elsewhere.body.code).toBe('INGESTION.NO_FEEDBACK');
    const own = await ingest.http('POST', '/feedback-datasets', {
      body: { dataset: 'fb', modelName: 'private' },
      headers: { 'x-millrace-workspace': 'alpha' },
    });
    expect(own.status).toBe(201);
  });
});
