// SPDX-License-Identifier: Apache-2.0
import { CommonErrors, type AppError } from '#libs/errors';
import type { ShutdownSequence } from '#libs/observability';
import { PgDatabase, PgUnitOfWork, type Transaction, type UnitOfWork } from '#libs/persistence';
import type { DataPrepSettings } from '../../services/data-prep/src/config';
import type { DataPrepMetrics } from '../../services/data-prep/src/jobs/data-prep.metrics';
import type { Job, JobHandler, JobLease } from '../../services/data-prep/src/jobs/job';
import { JobRunner } from '../../services/data-prep/src/jobs/job-runner';
import { TypeormJobsRepository } from '../../services/data-prep/src/jobs/jobs.typeorm';
import type { Fault, Plan } from './faults';
import { JobWatch } from './job-watch';
import type { SimProcess } from './kernel';
import { LeaseWorld } from './lease-world';
import { nothing, silentLogger } from './silent';
import { SimConnections } from './sim-driver';
import type { SimPostgres } from './sql/server';
import type { Schemas, SqlTwist } from './schemas';

const WORKSPACE = 'w';
const settings = {
  runConsumers: true,
  jobsRunningMax: 2,
  jobLeaseSeconds: 10,
  jobSecondsMax: 3_600,
  jobAttemptsMax: 5,
  jobPollMilliseconds: 1_000,
};

/** Work of up to 25 s in three parts, with a mark after each; some of it fails and is tried again. */
class Work implements JobHandler {
  readonly kind = 'profile';

  constructor(private readonly process: SimProcess) {}

  async perform({ job, signal, guarded }: JobLease): Promise<(tx: Transaction) => Promise<void>> {
    const { kernel, clock } = this.process;
    for (let part = 0; part < 3; part += 1) {
      await guarded((tx) => tx.query('insert into marks (job_id) values ($1)', [job.id]).then(nothing));
      await clock.sleep(kernel.between(10, 8_000), signal);
      if (kernel.chance(0.05)) throw CommonErrors.UNAVAILABLE('the peer is away');
    }
    return (tx) => this.end(tx, job, 'succeeded');
  }

  fail(tx: Transaction, job: Job, _error: AppError): Promise<void> {
    return this.end(tx, job, 'failed');
  }

  private async end(tx: Transaction, job: Job, outcome: string): Promise<void> {
    await tx.query('insert into outcomes (job_id, outcome) values ($1, $2)', [job.id, outcome]);
  }
}

/** One replica of data-prep, as far as it works on the queue. */
class Replica {
  readonly jobs = new TypeormJobsRepository();
  readonly unitOfWork: UnitOfWork;
  private readonly runner: JobRunner;

  constructor(
    readonly process: SimProcess,
    db: SimPostgres,
  ) {
    const connections = new SimConnections(process, db);
    const { clock, kernel } = process;
    this.unitOfWork = new PgUnitOfWork(connections, clock, nothing, kernel.random);
    this.runner = new JobRunner(
      this.jobs,
      new PgDatabase(connections),
      this.unitOfWork,
      clock,
      silentLogger,
      { ...settings, workDir: 'none' } as unknown as DataPrepSettings,
      { observeQueue: nothing, observeRunning: nothing, jobEnded: nothing } as unknown as DataPrepMetrics,
      { on: nothing } as unknown as ShutdownSequence, // a killed process does not stop in order
    );
    this.runner.folders = { make: async () => 'none', remove: async () => undefined, removeOld: async () => undefined };
    this.runner.register(new Work(process));
  }

  start(): void {
    void this.runner.onApplicationBootstrap();
  }

  enqueue(id: string): Promise<void> {
    return this.unitOfWork.run((tx) => this.jobs.enqueue(tx, { workspace: WORKSPACE, id, kind: 'profile' }));
  }
}

/** One schedule of the queue of data-prep: replicas, a database, jobs, and faults. */
export class JobsWorld extends LeaseWorld<Replica> {
  protected readonly watch: JobWatch;
  protected readonly quietMs = 600_000;
  private readonly wanted: { id: string; answered: boolean }[];

  constructor(plan: Plan, schemas: Schemas, twist: SqlTwist = {}) {
    super(plan, schemas.jobs, twist);
    this.watch = new JobWatch(this.db);
    const count = Math.ceil(plan.changes / 2);
    this.wanted = Array.from({ length: count }, (_, i) => ({
      id: `01990000-0000-7000-8000-${String(i).padStart(12, '0')}`,
      answered: false,
    }));
  }

  protected open(process: SimProcess): Replica {
    return new Replica(process, this.db);
  }

  protected begin(): void {
    for (const job of this.wanted) this.kernel.after(this.kernel.between(0, 8_000), () => this.ask(job));
  }

  /** Asks once: a job whose enqueueing was not answered may be there or not, and asking again could make it anew after its end. */
  private ask(job: { id: string; answered: boolean }): void {
    this.anyReplica()
      ?.enqueue(job.id)
      .then(() => (job.answered = true), nothing);
  }

  /** In the end no job waits, each that was answered has an outcome, and none has two. */
  protected unfinished(): string[] {
    const outcomes = this.db.dump('outcomes').map((row) => row['job_id'] as string);
    const waiting = this.db.dump('jobs').map((row) => `job ${String(row['id'] as string)} is still in the queue`);
    return this.wanted.reduce<string[]>((found, { id, answered }) => {
      const count = outcomes.filter((outcome) => outcome === id).length;
      if (count > 1) found.push(`job ${id} has ${count} outcomes`);
      if (answered && count === 0 && waiting.length === 0) found.push(`job ${id} is gone without an outcome`);
      return found;
    }, waiting);
  }

  /** There is no broker here: its faults cut a replica off, which is what leases are for. */
  protected strikePeer(fault: Fault, process?: SimProcess): void {
    if (fault.kind === 'cut' || fault.kind === 'broker-away' || fault.kind === 'refuse-key') process?.cutFrom('db', fault.forMs);
  }
}
