// SPDX-License-Identifier: Apache-2.0
import { isAppError } from '#libs/errors';
import { isTerminal, type JobState } from '../../services/training/src/jobs/job';
import { isEnded, type RunFacts, type RunState } from '../../services/training/src/pipeline-runs/pipeline-run';
import type { PipelineSpec } from '../../services/training/src/pipelines/pipeline';
import { PipelinesTypeorm } from '../../services/training/src/pipelines/pipelines.typeorm';
import type { Fault, Plan } from './faults';
import type { SimProcess } from './kernel';
import { LeaseWorld } from './lease-world';
import type { Schemas, SqlTwist } from './schemas';
import { nothing } from './silent';
import { preparing } from './sim-driver';
import { SimHost } from './sim-host';
import { SimRegistry } from './sim-registry';
import type { SimPostgres } from './sql/server';
import { TrainingReplica, WORKSPACE } from './training-replica';
import { TrainingWatch } from './training-watch';

const CLIENT_MS_MAX = 5_000;
const INPUT = { datasetVersion: 'rows/1' };

/** What one client wants: a job or a run of the pipeline, and perhaps that it is cancelled after a while. */
interface Wish {
  client: string;
  isRun: boolean;
  cancelAfterMs?: number;
  /** Once it was answered. */
  id?: string;
}

/** One schedule of training: replicas, a database, a host with trainers, a registry, clients who change their minds, and faults. */
export class TrainingWorld extends LeaseWorld<TrainingReplica> {
  protected readonly watch: { readonly violations: string[] };
  protected readonly quietMs = 600_000;
  private readonly host: SimHost;
  private readonly registry: SimRegistry;
  private readonly commits: TrainingWatch;
  private readonly wishes: Wish[];

  constructor(plan: Plan, schemas: Schemas, twist: SqlTwist = {}) {
    super(plan, schemas.training, twist);
    const { kernel } = this;
    this.host = new SimHost(kernel);
    this.registry = new SimRegistry(kernel, (runId, facts) => this.tell(runId, facts, kernel.chance(0.1) ? 2 : 1));
    const commits = new TrainingWatch(this.db);
    commits.onModel = (runId) => this.registry.registered(runId);
    this.commits = commits;
    const { host } = this;
    this.watch = {
      get violations() {
        return [...commits.violations, ...host.violations];
      },
    };
    this.wishes = Array.from({ length: Math.ceil(plan.changes / 3) }, (_, i) => ({
      client: `client-${i}`,
      isRun: kernel.chance(0.25),
      ...(kernel.chance(0.25) ? { cancelAfterMs: kernel.between(0, 30_000) } : {}),
    }));
  }

  protected open(process: SimProcess): TrainingReplica {
    return new TrainingReplica(process, this.db, this.host, this.registry);
  }

  protected begin(): void {
    void makePipeline(this.db);
    for (const wish of this.wishes) this.kernel.after(this.kernel.between(100, 8_000), () => this.ask(wish));
  }

  /** A client with a request id asks until it is told yes. */
  private ask(wish: Wish): void {
    const caller = { workspace: WORKSPACE, subject: wish.client };
    this.call(
      async (replica) => {
        const asked = wish.isRun
          ? replica.startRun.execute(caller, { pipeline: 'p', requestId: wish.client })
          : replica.createJob.execute(caller, fineTune(), wish.client);
        return (await asked).id;
      },
      (id) => {
        wish.id = id;
        if (wish.cancelAfterMs !== undefined) this.kernel.after(wish.cancelAfterMs, () => this.cancel(wish));
      },
    );
  }

  private cancel({ client, isRun, id = '' }: Wish): void {
    const caller = { workspace: WORKSPACE, subject: client };
    const request = { reason: 'no more', requestId: `${client}-cancel` };
    this.call<unknown>(
      (replica) =>
        isRun
          ? replica.cancelRun.execute(caller, { pipelineRunId: id, ...request })
          : replica.cancelJob.execute(caller, { kind: 'fine-tune', jobId: id, ...request }),
      nothing,
    );
  }

  /** Events of the registry come at least once. */
  private tell(runId: string, facts: RunFacts, times: number): void {
    if (times === 0) return;
    this.kernel.after(this.kernel.between(10, 3_000), () =>
      this.call(
        (replica) => replica.tell(runId, facts),
        () => this.tell(runId, facts, times - 1),
      ),
    );
  }

  /** Asks any replica again until one answers; that there is nothing to do any more is an answer. */
  private call<T>(work: (replica: TrainingReplica) => Promise<T>, done: (answer: T) => void): void {
    let settled = false;
    const settle = (then: () => void): void => {
      if (settled) return;
      settled = true;
      giveUp();
      then();
    };
    const again = (): void => void this.kernel.after(this.kernel.between(500, 2_000), () => this.call(work, done));
    const giveUp = this.kernel.after(CLIENT_MS_MAX, () => settle(again));
    const replica = this.anyReplica();
    if (!replica) return settle(again);
    work(replica).then(
      (answer) => settle(() => done(answer)),
      (error: unknown) => settle(isAppError(error) && error.retry === 'never' ? nothing : again),
    );
  }

  /** In the end each wish was answered, is there once, and has ended, with one last event; no trainer is left. */
  protected unfinished(): string[] {
    const jobs = this.db.dump('jobs', ['id', 'kind', 'state', 'pipeline_run_id', 'submitted_by']);
    const runs = this.db.dump('pipeline_runs', ['id', 'state', 'started_by']);
    const open = [
      ...jobs
        .filter(({ state }) => !isTerminal(state as JobState))
        .map(({ id, state }) => `job ${id as string} is ${state as string}`),
      ...runs
        .filter(({ state }) => !isEnded(state as RunState))
        .map(({ id, state }) => `run ${id as string} is ${state as string}`),
      ...this.host.running().map(({ attemptToken }) => `the trainer of ${attemptToken} still runs`),
    ];
    for (const { client, isRun, id } of this.wishes) {
      if (id === undefined) open.push(`${client} was never answered`);
      const made = isRun
        ? runs.filter((run) => run['started_by'] === client)
        : jobs.filter((job) => job['submitted_by'] === client);
      if (made.length > 1) open.push(`${client} has ${made.length} instead of one`);
      if (id !== undefined && !made.some((each) => each['id'] === id)) open.push(`what ${client} was promised is gone`);
    }
    for (const { id } of runs) {
      const tuned = jobs.filter((job) => job['pipeline_run_id'] === id && job['kind'] === 'fine-tune');
      if (tuned.length > 1) open.push(`run ${id as string} trained ${tuned.length} times`);
    }
    if (open.length > 0) return open;
    return jobs.flatMap(({ id, kind, state }) => {
      const ends = this.commits.ends.get(id as string) ?? [];
      const wanted = kind === 'evaluation' && state === 'cancelled' ? [] : [state];
      return ends.join() === wanted.join()
        ? []
        : [`job ${id as string} is ${state as string} and told ${ends.join() || 'nothing'}`];
    });
  }

  /** Faults of a broker hit the registry and the host; a rebalance is a replica that stops in order and comes again. */
  protected strikePeer(fault: Fault, process?: SimProcess): void {
    if (fault.kind === 'cut') process?.cutFrom(fault.server === 'broker' ? 'registry' : 'db', fault.forMs);
    else if (fault.kind === 'broker-away' || fault.kind === 'refuse-key')
      this.registry.awayUntilMs = this.kernel.nowMs + fault.forMs;
    else if (fault.kind === 'rebalance') this.restart(0);
    else if (fault.kind === 'duplicate') for (const trainer of this.host.running()) trainer.signal('SIGKILL');
  }
}

const fineTune = () => ({
  registeredModelName: 'model',
  baseModel: 'base',
  inputs: [INPUT],
  promptTemplate: '{text}',
  answerTemplate: '{label}',
});

async function makePipeline(db: SimPostgres): Promise<void> {
  const spec: PipelineSpec = {
    ...fineTune(),
    experimentName: 'model',
    alias: 'champion',
    trainDatasets: [{ ...INPUT, role: 'train', weight: 0, promptTemplate: '{text}', answerTemplate: '{label}' }],
    feedback: null,
    labels: [],
    hyperparameters: {},
    evaluationSlices: [{ name: 'all', datasetVersion: 'rows/1' }],
    gate: [],
    requestAlias: true,
    onProposal: 'manual',
  };
  const pipelines = new PipelinesTypeorm();
  await pipelines.insert(preparing(db) as never, { workspace: WORKSPACE, id: 'p', name: 'p', spec });
}
