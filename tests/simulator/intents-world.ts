// SPDX-License-Identifier: Apache-2.0
import { PgDatabase, PgUnitOfWork, type UnitOfWork } from '#libs/persistence';
import { CheckBackends } from '../../services/gateway/src/deployments/check-backends';
import { deploymentId } from '../../services/gateway/src/deployments/deployment';
import type { DeploymentInfrastructure } from '../../services/gateway/src/deployments/deployment-infrastructure';
import { PgDeploymentsRepository } from '../../services/gateway/src/deployments/deployments.typeorm';
import { DriveDeployments } from '../../services/gateway/src/deployments/drive-deployments';
import type { EndpointsRepository } from '../../services/gateway/src/endpoints/endpoints.repository';
import type { EndpointTransitions } from '../../services/gateway/src/rollouts/endpoint-transitions';
import type { RoutingStore } from '../../services/gateway/src/routing/routing-store';
import type { Fault, Plan } from './faults';
import { IntentWatch } from './intent-watch';
import type { SimProcess } from './kernel';
import { LeaseWorld } from './lease-world';
import { nothing, silentFigures, silentLogger } from './silent';
import { SimBackend, SimModelBackend } from './sim-backend';
import { SimConnections } from './sim-driver';
import type { SimPostgres } from './sql/server';
import type { Schemas, SqlTwist } from './schemas';

const WORKSPACE = 'w';
const MODEL = 'm';
const BACKEND = 'http://backend';
const LEASE_SECONDS = 10;
const POLL_MS = 1_000;
const CHECK_POLLS = 5;

/** One replica of the gateway, as far as it turns intents into loaded models. */
class Replica {
  readonly unitOfWork: UnitOfWork;
  readonly deployments = new PgDeploymentsRepository();
  private readonly drive: DriveDeployments;
  private readonly check: CheckBackends;

  constructor(
    readonly process: SimProcess,
    db: SimPostgres,
    backend: SimBackend,
  ) {
    const connections = new SimConnections(process, db);
    const { random } = process.kernel;
    this.unitOfWork = new PgUnitOfWork(connections, process.clock, nothing, random);
    const infrastructure = {
      database: new PgDatabase(connections),
      unitOfWork: this.unitOfWork,
      settings: { deploymentLeaseSeconds: LEASE_SECONDS },
      logger: silentLogger,
      metrics: silentFigures,
    } as unknown as DeploymentInfrastructure;
    const endpoints = { lockWaiting: async () => [] } as unknown as EndpointsRepository;
    const routing = { changed: async () => undefined } as unknown as RoutingStore;
    const door = new SimModelBackend(process, backend);
    const transitions = {} as EndpointTransitions; // nobody waits, so nobody enters
    this.drive = new DriveDeployments(this.deployments, endpoints, transitions, door, routing, infrastructure);
    this.drive.random = random;
    this.check = new CheckBackends(this.deployments, door, routing, infrastructure);
  }

  /** As BackgroundLoop does it: at once while there is more, else after the interval; a failed round is repeated. */
  start(): void {
    const loop = async (work: () => Promise<boolean>, intervalMs: number): Promise<never> => {
      for (;;) if (!(await work().catch(() => false))) await this.process.clock.sleep(intervalMs);
    };
    void loop(() => this.drive.execute(), POLL_MS);
    void loop(async () => (await this.check.execute(), false), POLL_MS * CHECK_POLLS);
  }

  /** The nth wish: the model is to be served in this version, and the others are let go. One that comes after a later one changes nothing. */
  serve(wish: number, version: number): Promise<void> {
    return this.unitOfWork.run(async (tx) => {
      const endpoint = [WORKSPACE, 'e'];
      await tx.query(
        'insert into endpoints (workspace, id, model_name, backend_url) values ($1, $2, $3, $4) on conflict (workspace, id) do nothing',
        [...endpoint, MODEL, BACKEND],
      );
      const rows = await tx.query<{ wish: number }>(
        'update endpoints set serving_version = $3, wish = $4 where workspace = $1 and id = $2 and wish <= $4 returning wish',
        [...endpoint, version, wish],
      );
      if (rows.length === 0) return;
      const wanted = { workspace: WORKSPACE, modelName: MODEL, version, manifestDigest: digestOf(version), backendUrl: BACKEND };
      await this.deployments.want(tx, wanted);
      await this.deployments.releaseUnused(tx, WORKSPACE, MODEL, 1);
    });
  }
}

const digestOf = (version: number): string => `sha256:${version}`;

/** One schedule of intents: replicas of the gateway, a database, a model server, somebody who changes their mind, and faults. */
export class IntentsWorld extends LeaseWorld<Replica> {
  protected readonly watch: IntentWatch;
  protected readonly quietMs = 240_000;
  private readonly backend = new SimBackend();
  private readonly wishes: number[];
  private answered = 0;

  constructor(plan: Plan, schemas: Schemas, twist: SqlTwist = {}) {
    super(plan, schemas.intents, twist);
    this.watch = new IntentWatch(this.db, this.backend, this.kernel);
    this.wishes = Array.from({ length: plan.changes }, () => 1 + Math.floor(this.kernel.random() * 3));
  }

  protected open(process: SimProcess): Replica {
    return new Replica(process, this.db, this.backend);
  }

  protected begin(): void {
    this.kernel.after(100, () => this.ask());
  }

  /** The next wish, asked of any replica until it says yes; then, after a while, the one after it. */
  private ask(): void {
    if (this.answered >= this.wishes.length) return;
    const { kernel } = this;
    const replica = this.anyReplica();
    let settled = false;
    const settle = (done: boolean): void => {
      if (settled) return;
      settled = true;
      giveUp();
      if (done) this.answered += 1;
      kernel.after(done ? kernel.between(0, 6_000) : kernel.between(500, 2_000), () => this.ask());
    };
    const giveUp = kernel.after(5_000, () => settle(false));
    replica?.serve(this.answered, this.wishes[this.answered]).then(
      () => settle(true),
      () => settle(false),
    );
  }

  /** What must hold in the end: the last wish is served, nothing else is wanted, no row waits. */
  protected unfinished(): string[] {
    if (this.answered < this.wishes.length) return [`wish ${this.answered} was never answered`];
    const last = this.wishes[this.wishes.length - 1];
    const rows = this.db.dump('deployments');
    return [...new Set(this.wishes)].flatMap((version) => {
      const id = deploymentId(WORKSPACE, MODEL, version);
      const state = rows.find((row) => row['id'] === id)?.['state'] as string | undefined;
      const wanted = version === last ? 'ready' : 'unloaded';
      const found = state === wanted ? [] : [`version ${version} is ${state ?? 'not there'} instead of ${wanted}`];
      if (version === last && this.backend.held.get(id) !== digestOf(version))
        found.push(`version ${version} is wanted and the backend does not hold it`);
      return found;
    });
  }

  /** Faults of a broker hit the model server here: it is what the replicas talk to beside the database. */
  protected strikePeer(fault: Fault, process?: SimProcess): void {
    if (fault.kind === 'cut') process?.cutFrom(fault.server === 'db' ? 'db' : 'backend', fault.forMs);
    else if (fault.kind === 'broker-away') this.backend.awayUntilMs = this.kernel.nowMs + fault.forMs;
    else if (fault.kind === 'duplicate' || fault.kind === 'rebalance') this.backend.held.clear(); // it was started anew
  }
}
