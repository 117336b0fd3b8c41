// SPDX-License-Identifier: Apache-2.0
import type { Fault, Plan } from './faults';
import { Kernel, SimProcess } from './kernel';
import { runToRest } from './run-to-rest';
import type { SqlTwist } from './schemas';
import type { Schema } from './sql/schema';
import { SimPostgres } from './sql/server';

const HEAL_MS = 60_000;
/** As ShutdownSequence does it: what has not ended by then is killed. */
const STOP_MS_MAX = 25_000;
const RESTART_MS = 1_000;

/** A process that works on rows that it claims. */
export interface Replica {
  readonly process: SimProcess;
  start(): void;
  /** Stops in order: hands back what it holds. */
  stop?(): Promise<void>;
}

/** One schedule of replicas that claim rows of one database: their start, their faults, and the wait until all is in order. */
export abstract class LeaseWorld<R extends Replica> {
  protected readonly kernel: Kernel;
  protected readonly db: SimPostgres;
  protected readonly replicas: (R | undefined)[] = [];
  private readonly awayMs = new Map<number, number>();
  /** Looks at each commit. */
  protected abstract readonly watch: { readonly violations: readonly string[] };
  /** All must be in order so long after the last fault. */
  protected abstract readonly quietMs: number;

  constructor(
    protected readonly plan: Plan,
    schema: Schema,
    twist: SqlTwist,
  ) {
    this.kernel = new Kernel(plan.seed);
    this.db = new SimPostgres(this.kernel, 'db', schema, twist.sql);
  }

  async run(): Promise<string[]> {
    const { kernel, quietMs } = this;
    for (let i = 0; i < this.plan.processes; i += 1) this.startReplica(i);
    for (const fault of this.plan.faults) this.arm(fault);
    this.begin();
    const wrong = await runToRest(kernel, { healMs: HEAL_MS, quietMs, check: () => this.unfinished() });
    for (const replica of this.replicas) replica?.process.kill();
    return [...this.watch.violations, ...wrong];
  }

  protected abstract open(process: SimProcess): R;
  /** What clients ask for, and when. */
  protected abstract begin(): void;
  /** What is not in order yet. */
  protected abstract unfinished(): string[];
  /** A fault of something beside process and database. */
  protected abstract strikePeer(fault: Fault, process?: SimProcess): void;

  private startReplica(index: number): void {
    const process = new SimProcess(this.kernel, `p${index}`);
    process.onDeath.push(() => {
      this.replicas[index] = undefined;
      this.kernel.after(this.awayMs.get(index) ?? RESTART_MS, () => this.startReplica(index));
    });
    const replica = this.open(process);
    this.replicas[index] = replica;
    replica.start();
  }

  /** One replica stops in order, and comes again. */
  protected restart(index: number): void {
    const replica = this.replicas[index];
    if (!replica?.stop) return;
    this.kernel.after(STOP_MS_MAX, () => replica.process.kill());
    void replica.stop().then(() => replica.process.kill());
  }

  /** Any replica that lives. */
  protected anyReplica(): R | undefined {
    const living = this.replicas.filter((replica) => replica?.process.alive);
    return living[Math.floor(this.kernel.random() * living.length)];
  }

  private arm(fault: Fault): void {
    const process = 'process' in fault ? this.replicas[fault.process]?.process : undefined;
    if (fault.kind === 'crash' && process) {
      process.dieAtCall = { call: fault.atCall, before: fault.before };
      this.awayMs.set(fault.process, fault.awayMs);
    } else if (fault.kind === 'lose-answer') process?.loseAnswers.add(fault.atCall);
    else if (fault.kind === 'lose-commit') process?.loseCommits.add(fault.nth);
    else if ('atMs' in fault) this.kernel.after(fault.atMs, () => this.strike(fault));
  }

  private strike(fault: Fault): void {
    const process = 'process' in fault ? this.replicas[fault.process]?.process : this.replicas[0]?.process;
    if (fault.kind === 'freeze') process?.freeze(fault.forMs);
    else if (fault.kind === 'clock') process?.jumpWall(fault.byMs);
    else if (fault.kind === 'database-clock') this.db.jumpWall(fault.byMs);
    else if (fault.kind === 'database-crash') this.db.crash(Math.min(fault.forMs, 12_000));
    else if (fault.kind === 'end-session') this.db.terminateOne();
    else this.strikePeer(fault, process);
  }
}
