// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { EventLogBroker } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { eventually } from '#libs/testing';
import { Home } from '../../deploy/local/home';
import { LaunchedPlatform } from '../support/launched-platform';
import { feedbackAbout, feedbackHeaders, pidOf, query, readiness, runbookVariables } from './platform-tools';
import { readRunbook, type RunbookFollower } from './runbook';
import { stuckWork } from './stuck-work';

/** More than the pool has connections. */
const CALLERS = 16;

/** A local platform on the event log. */
class EventLogBench {
  readonly diagnostics = mkdtempSync(join(tmpdir(), 'millrace-diagnostics-'));
  platform: LaunchedPlatform;
  env: Record<string, string> = {};
  private events = 0;

  async open(): Promise<void> {
    const nodeOptions = `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${this.diagnostics}`;
    this.platform = await LaunchedPlatform.start(['--only', 'gateway,ingestion,data-prep,training,registry,monitoring'], {
      NODE_OPTIONS: nodeOptions,
      TRAINER_STOP_SECONDS: '2',
    });
    this.env = { ...runbookVariables(this.platform), DIAGNOSTICS: this.diagnostics };
  }

  async close(): Promise<void> {
    await this.platform?.stop();
    rmSync(this.diagnostics, { recursive: true, force: true });
  }

  monitoring<Row>(sql: string): Promise<Row[]> {
    return query(this.env['MONITORING_DATABASE_URL'], sql);
  }

  async countFeedback(): Promise<number> {
    return Number((await this.monitoring<{ n: string }>('select count(*) as n from feedback'))[0]?.n);
  }

  async publish(values: string[]): Promise<void> {
    const databaseUrl = new Home(this.platform.home).readState()?.databaseUrls['events'] as string;
    const broker = new EventLogBroker({ databaseUrl, service: 'spec', logger: silentLogger() });
    await broker.publish(
      values.map((value, index) => ({
        topic: 'feedback.v1',
        key: `k${index}`,
        value,
        headers: feedbackHeaders(`runbook-${(this.events += 1)}`),
      })),
    );
    await broker.close();
  }
}

export function describeOnEventLog(follower: RunbookFollower): void {
  describe('on the event log', () => {
    const bench = new EventLogBench();
    beforeAll(() => bench.open(), 150_000);
    afterAll(() => bench.close(), 60_000);

    it('dead letters: from the alert to an empty list', async () => {
      await bench.publish(['{"broken']);
      const letters = await eventually(
        async () => {
          const found = await bench.monitoring<{ id: string }>('select id from dead_letters');
          return found.length > 0 && found;
        },
        { timeoutMs: 60_000 },
      );
      await follower.follow(readRunbook('dead-letters'), { ...bench.env, LETTER: letters[0]?.id });
    });

    it('consumer stuck: a frozen process is found and replaced, nothing is lost', async () => {
      const before = await bench.countFeedback();
      const pid = pidOf(bench.platform, 'monitoring');
      process.kill(Number(pid), 'SIGSTOP');
      await bench.publish([feedbackAbout('stuck-1'), feedbackAbout('stuck-2')]);
      await follower.follow(readRunbook('consumer-stuck'), { ...bench.env, MONITORING_PID: pid });
      await eventually(async () => (await bench.countFeedback()) === before + 2, { timeoutMs: 60_000 });
    });

    it('service in trouble: a transaction holds a table, and all connections wait for it', () => serviceTrouble(bench, follower));
    it('stuck work: each kind is found, and the job of a trainer that hangs is cancelled', () =>
      stuckWork(bench.env, bench.platform.program.pid, follower));
  });
}

async function serviceTrouble({ env, platform }: EventLogBench, follower: RunbookFollower): Promise<void> {
  const registry = env['REGISTRY'];
  const holder = new Client({ connectionString: env['REGISTRY_DATABASE_URL'] });
  // It is ended from outside: that is what the page does.
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('begin');
  await holder.query('lock table experiments in access exclusive mode');
  let calling = true;
  const call = async (): Promise<void> => {
    while (calling) {
      const answer = await fetch(`${registry}/api/2.0/mlflow/experiments/get?experiment_id=0`).catch(() => undefined);
      await answer?.arrayBuffer();
    }
  };
  const callers = Array.from({ length: CALLERS }, call);
  try {
    await eventually(async () => (await readiness(registry)).text.includes('no answer within'), { timeoutMs: 30_000 });
    await follower.follow(readRunbook('service-trouble'), { ...env, REGISTRY_PID: pidOf(platform, 'registry') });
  } finally {
    calling = false;
    await holder.end().catch(() => undefined);
    await Promise.all(callers);
  }
}
