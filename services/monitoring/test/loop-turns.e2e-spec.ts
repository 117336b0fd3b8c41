// SPDX-License-Identifier: Apache-2.0
import { newId } from '#libs/clock';
import { Events, gateway } from '#libs/contracts';
import { Database, UnitOfWork } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { ProposalsRepository } from '../src/proposals/proposals.repository';
import { MonitoringHarness, rating } from './monitoring-harness';

jest.setTimeout(90_000);

const timeoutMs = 30_000;
/** What is planted fails for this workspace only; its rows are due before those of the others. */
const BAD = 'a-bad-one';

describe('what fails for one workspace does not hold up the others', () => {
  let harness: MonitoringHarness;
  let db: Database;

  beforeAll(async () => {
    harness = await MonitoringHarness.start({ PROPOSAL_VOLUME_MIN: '1' });
    db = harness.service.get(Database);
    await db.query(`create function refuse() returns trigger language plpgsql as $$ begin raise 'planted'; end $$`);
  });
  afterAll(() => harness.close());

  /** Lets writes to a table fail, as what cannot be stored would. */
  const plant = (table: string, on: 'insert' | 'update', when: string): Promise<unknown> =>
    db.query(
      `create trigger refuse before ${on} on ${table} for each row when (new.workspace = '${BAD}' and ${when}) execute function refuse()`,
    );

  it('monitors: one that cannot be evaluated is put off, with the reason', async () => {
    await plant('monitors', 'update', 'new.version > old.version');
    const body = { kind: 'no_data', endpoint: 'silent', modelName: 'glossary', config: { evaluateSeconds: 1, noDataSeconds: 1 } };
    await harness.call('POST', '/api/v1/monitors', { ...body, name: 'bad' }, BAD);
    await harness.call('POST', '/api/v1/monitors', { ...body, name: 'good' });
    await eventually(async () => expect(await harness.get('/api/v1/monitors/good')).toMatchObject({ state: 'no_data' }), {
      timeoutMs,
    });
    await eventually(
      async () =>
        expect(await harness.get('/api/v1/monitors/bad', BAD)).toMatchObject({
          state: 'unknown',
          stateReason: expect.stringMatching(/^could not be evaluated: [A-Z_.]+$/),
        }),
      { timeoutMs },
    );
    await db.query('drop trigger refuse on monitors');
    await eventually(async () => expect(await harness.get('/api/v1/monitors/bad', BAD)).toMatchObject({ state: 'no_data' }), {
      timeoutMs,
    });
  });

  it('rollouts: one that cannot be judged is put off', async () => {
    await plant('rollouts', 'update', 'new.last_result is distinct from old.last_result');
    const start = async (workspace: string): Promise<string> => {
      const rolloutId = newId();
      const data = gateway.RolloutStarted.fromJSON({
        ...{ rolloutId, endpoint: 'triage', alias: 'champion', candidatePercent: 50 },
        ...{ control: { modelName: 'glossary', version: 1 }, candidate: { modelName: 'glossary', version: 2 } },
      });
      await harness.publish(Events.RolloutStarted, [{ key: rolloutId, data, workspace }]);
      await eventually(
        async () => expect((await harness.call('GET', `/api/v1/rollouts/${rolloutId}`, undefined, workspace)).status).toBe(200),
        { timeoutMs },
      );
      return rolloutId;
    };
    const bad = await start(BAD);
    const good = await start('default');
    const resultOf = async (id: string, workspace: string): Promise<unknown> =>
      (await harness.get(`/api/v1/rollouts/${id}`, workspace)).lastResult;
    await eventually(async () => expect(await resultOf(good, 'default')).toMatchObject({ outcome: 'hold' }), { timeoutMs });
    expect(await resultOf(bad, BAD)).toEqual({});
    await db.query('drop trigger refuse on rollouts');
    await eventually(async () => expect(await resultOf(bad, BAD)).toMatchObject({ outcome: 'hold' }), { timeoutMs });
  });

  it('proposals: one that cannot be opened, and more models than one look takes', async () => {
    await plant('proposals', 'insert', 'true');
    for (const workspace of [BAD, 'default']) {
      const [id] = await harness.infer([{}], workspace);
      await harness.produceFeedback([{ workspace, data: rating(id, { right: false, rater: 'r', correction: 'plant' }) }]);
    }
    const open = async (workspace: string): Promise<number> => (await harness.get('/api/v1/proposals', workspace)).items.length;
    await eventually(async () => expect(await open('default')).toBe(1), { timeoutMs });
    expect(await open(BAD)).toBe(0);
    await db.query('drop trigger refuse on proposals');
    await eventually(async () => expect(await open(BAD)).toBe(1), { timeoutMs });

    const look = { policy: { correctionsMin: 5, volumeMin: 1 }, rowsMax: 1 };
    const proposals = harness.service.get(ProposalsRepository);
    await harness.service.get(UnitOfWork).run(async (tx) => {
      await tx.query('delete from proposals');
      const [first] = await proposals.candidates(tx, { ...look, after: undefined });
      expect(first).toMatchObject({ workspace: BAD, corrections: 1, policy: look.policy });
      expect(await proposals.candidates(tx, { ...look, after: first })).toMatchObject([{ workspace: 'default' }]);
    });
  });
});
