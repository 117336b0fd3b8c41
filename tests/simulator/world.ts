// SPDX-License-Identifier: Apache-2.0
import { SeededIds } from '#libs/clock';
import { checkWorld, type Request } from './check-world';
import { DelayWatch } from './delay-watch';
import type { Fault, Plan } from './faults';
import { Kernel, SimProcess } from './kernel';
import { runToRest } from './run-to-rest';
import type { Schemas, SqlTwist } from './schemas';
import { Service, TOPIC } from './service';
import { SimKafka } from './sim-kafka';
import { SimPostgres } from './sql/server';
import { textOf } from './sql/values';

export interface Twist extends SqlTwist {
  world?: (world: World) => void;
}

/** Everything must be quiet so long after the last fault has healed: leases, back-offs (30 s at most) and time-outs have run out. */
const QUIET_MS = 240_000;

/** One schedule: replicas of a service, a database, a broker, clients, and what goes wrong. */
export class World {
  readonly kernel: Kernel;
  readonly db: SimPostgres;
  readonly log?: SimPostgres;
  readonly kafka: SimKafka;
  readonly requests: Request[];
  readonly services: (Service | undefined)[] = [];
  readonly violations: string[] = [];
  readonly committed = new Map<string, number>();
  private readonly delays: DelayWatch;

  constructor(
    readonly plan: Plan,
    schemas: Schemas,
    twist: Twist = {},
  ) {
    this.kernel = new Kernel(plan.seed);
    this.db = new SimPostgres(this.kernel, 'db', schemas.service, twist.sql);
    if (plan.broker === 'event-log') this.log = new SimPostgres(this.kernel, 'log', schemas.log, twist.sql);
    this.kafka = new SimKafka(this.kernel);
    this.kafka.addTopic(TOPIC);
    this.delays = new DelayWatch(this.kernel, this.kafka);
    this.delays.watch(this.db);
    const ids = new SeededIds(plan.seed);
    this.requests = Array.from({ length: plan.changes }, (_, i) => ({
      id: ids.next(),
      account: ['a', 'b', 'c'][Math.floor(this.kernel.random() * 3)],
      poison: this.kernel.chance(0.08),
      repeatable: i % 4 !== 3,
      acknowledged: false,
      sent: false,
    }));
    twist.world?.(this);
  }

  /** Runs the schedule to its quiet end; gives what is wrong. */
  async run(): Promise<string[]> {
    this.watchOffsets();
    for (let i = 0; i < this.plan.processes; i += 1) this.startProcess(i);
    for (const fault of this.plan.faults) this.arm(fault);
    for (const request of this.requests) this.kernel.after(this.kernel.between(0, 8_000), () => this.ask(request, 0));
    const wrong = await runToRest(this.kernel, {
      healMs: healedAfterMs(this.plan.faults),
      quietMs: QUIET_MS,
      check: () => checkWorld(this),
    });
    for (const service of this.services) service?.process.kill();
    const poison = this.requests.filter((request) => request.poison).length;
    const late = this.plan.faults.length === 0 ? this.delays.late(poison) : [];
    return [...this.violations, ...this.kafka.wentBack, ...wrong, ...late];
  }

  private startProcess(index: number): void {
    const process = new SimProcess(this.kernel, `p${index}`);
    const service = new Service(process, {
      db: this.db,
      log: this.log,
      kafka: this.kafka,
      batches: this.plan.batches,
      ownsDuplicates: this.plan.ownsDuplicates,
      gathers: this.plan.gathers,
    });
    this.services[index] = service;
    service.start();
  }

  /** A client: asks a replica, waits at most 5 s, and asks again (another one, the same request id) until it is told yes. */
  private ask(request: Request, tries: number): void {
    const living = this.services.filter((service) => service?.process.alive);
    const service = living[Math.floor(this.kernel.random() * living.length)];
    const again = (): void => {
      // Without a request id a client may not ask again when it does not know what became of its request.
      if (tries < 40) this.kernel.after(this.kernel.between(500, 2_500), () => this.ask(request, tries + 1));
    };
    if (!service) return again();
    let settled = false;
    request.sent = true;
    const giveUp = this.kernel.after(5_000, () => {
      settled = true;
      if (request.repeatable) again();
    });
    const data = { requestId: request.id, poison: request.poison };
    service.change(request.account, data, request.repeatable).then(
      () => {
        if (settled) return;
        giveUp();
        request.acknowledged = true;
      },
      () => {
        if (settled) return;
        giveUp();
        if (request.repeatable) again();
      },
    );
  }

  private arm(fault: Fault): void {
    const { kernel } = this;
    const service = 'process' in fault ? this.services[fault.process] : undefined;
    const process = service?.process;
    if (fault.kind === 'crash' && process) {
      process.dieAtCall = { call: fault.atCall, before: fault.before };
      process.onDeath.push(() => {
        this.services[fault.process] = undefined;
        kernel.after(fault.awayMs, () => this.startProcess(fault.process));
      });
    } else if (fault.kind === 'lose-answer') process?.loseAnswers.add(fault.atCall);
    else if (fault.kind === 'lose-commit') process?.loseCommits.add(fault.nth);
    else if ('atMs' in fault)
      kernel.after(fault.atMs, () => this.strike(fault, 'process' in fault ? this.services[fault.process]?.process : undefined));
  }

  private strike(fault: Fault, process?: SimProcess): void {
    const database = this.log && this.kernel.chance(0.5) ? this.log : this.db;
    if (fault.kind === 'freeze') process?.freeze(fault.forMs);
    else if (fault.kind === 'cut') process?.cutFrom(fault.server, fault.forMs);
    else if (fault.kind === 'clock') process?.jumpWall(fault.byMs);
    else if (fault.kind === 'database-clock') database.jumpWall(fault.byMs);
    else if (fault.kind === 'database-crash') database.crash(Math.min(fault.forMs, 12_000));
    else if (fault.kind === 'end-session') database.terminateOne();
    else if (fault.kind === 'broker-away') this.kafka.awayUntilMs = this.kernel.nowMs + fault.forMs;
    else if (fault.kind === 'rebalance') this.kafka.rebalanceAll();
    else if (fault.kind === 'duplicate') this.duplicate();
    else if (fault.kind === 'refuse-key') {
      this.kafka.refusedKey = 'a';
      this.kernel.after(fault.forMs, () => (this.kafka.refusedKey = undefined));
    }
  }

  /** A producer that repeats what it sent: the newest message of each partition comes once more. */
  private duplicate(): void {
    for (const log of this.kafka.logs.values()) {
      const last = log.at(-1);
      if (last) this.kafka.append([{ topic: last.topic, key: last.key, headers: last.headers, value: last.value }]);
    }
  }

  /** An offset that goes back was committed by a member that does not own the partition any more. */
  private watchOffsets(): void {
    const { log } = this;
    if (!log) return;
    log.onCommit = (tx) => {
      this.delays.look(tx);
      for (const row of tx.touched) {
        if (row.table.name !== 'claims') continue;
        const values = row.versions.at(-1)?.values ?? [];
        const place = `${textOf(values[0])}/${textOf(values[2])}`;
        const offset = values[5] as number;
        if (offset < (this.committed.get(place) ?? 0))
          this.violations.push(`committed offset of ${place} went back to ${offset}`);
        this.committed.set(place, offset);
      }
    };
  }
}

/** When the last fault is over; a crash happens at a call, so its time is a guess on the safe side. */
function healedAfterMs(faults: readonly Fault[]): number {
  const ends = faults.map((fault) => {
    if (fault.kind === 'crash') return 9_000 + fault.awayMs;
    if ('forMs' in fault) return fault.atMs + fault.forMs;
    return 'atMs' in fault ? fault.atMs : 0;
  });
  return Math.max(9_000, ...ends) + 500;
}
