// SPDX-License-Identifier: Apache-2.0
import type { ShutdownSequence } from '#libs/observability';
import { PgDatabase, PgUnitOfWork, type UnitOfWork } from '#libs/persistence';
import type { Alert } from '../../services/monitoring/src/alerts/alerts.repository';
import type { MonitoringSettings } from '../../services/monitoring/src/config';
import type { MonitoringMetrics } from '../../services/monitoring/src/monitoring.metrics';
import { DeliverWebhooks } from '../../services/monitoring/src/webhooks/deliver-webhooks';
import { DeliveryLoop } from '../../services/monitoring/src/webhooks/delivery-loop';
import { EnqueueDeliveries } from '../../services/monitoring/src/webhooks/enqueue-deliveries';
import { WebhookCalls } from '../../services/monitoring/src/webhooks/webhook-calls';
import { TypeormWebhooks } from '../../services/monitoring/src/webhooks/webhooks.typeorm';
import type { Webhook } from '../../services/monitoring/src/webhooks/webhooks.repository';
import { DeliveryWatch } from './delivery-watch';
import type { Fault, Plan } from './faults';
import type { SimProcess } from './kernel';
import { LeaseWorld } from './lease-world';
import type { Schemas, SqlTwist } from './schemas';
import { nothing, silentFigures, silentLogger } from './silent';
import { preparing, SimConnections } from './sim-driver';
import { SimReceivers, SimWebhookSender, TIMEOUT_SECONDS } from './sim-receivers';
import type { SimPostgres } from './sql/server';

const TRIES_MAX = 4;
const settings = {
  runConsumers: true,
  evaluationIntervalMs: 2_000,
  webhookTimeoutSeconds: TIMEOUT_SECONDS,
  webhookAttemptsMax: TRIES_MAX,
  publicUrl: 'http://monitoring',
} as MonitoringSettings;

/** Which webhooks each workspace has. */
const RECEIVERS: Record<string, string[]> = { v: ['a'], w: ['b', 'c'] };

/** One replica of monitoring, as far as it tells receivers of alerts. */
class Replica {
  readonly unitOfWork: UnitOfWork;
  private readonly enqueue: EnqueueDeliveries;
  private readonly loop: DeliveryLoop;
  private stopIntake?: () => unknown;

  constructor(
    readonly process: SimProcess,
    db: SimPostgres,
    receivers: SimReceivers,
  ) {
    const { clock, kernel } = process;
    const connections = new SimConnections(process, db);
    const webhooks = new TypeormWebhooks();
    const calls = new WebhookCalls(clock);
    const metrics = silentFigures as MonitoringMetrics;
    const sender = new SimWebhookSender(process, receivers);
    this.unitOfWork = new PgUnitOfWork(connections, clock, nothing, kernel.random);
    this.enqueue = new EnqueueDeliveries(webhooks, settings, process.ids());
    const deliver = new DeliverWebhooks(new PgDatabase(connections), webhooks, sender, calls, settings, metrics, silentLogger);
    const shutdown = { on: (_stage: string, _name: string, fn: () => unknown) => (this.stopIntake = fn) };
    this.loop = new DeliveryLoop(deliver, calls, settings, clock, silentLogger, metrics, shutdown as unknown as ShutdownSequence);
  }

  start(): void {
    this.loop.onApplicationBootstrap();
  }

  /** Ends in order: calls that are in flight are given back. */
  async stop(): Promise<void> {
    await this.stopIntake?.();
  }

  /** An alert and its deliveries, in one transaction. */
  fire(alert: Alert): Promise<void> {
    return this.unitOfWork.run(async (tx) => {
      await tx.query('insert into fired (workspace, alert_id) values ($1, $2)', [alert.workspace, alert.id]);
      await this.enqueue.execute(tx, alert, 'monitor');
    });
  }
}

/** One schedule of webhooks: replicas of monitoring, a database, alerts, receivers of all kinds, and faults. */
export class WebhooksWorld extends LeaseWorld<Replica> {
  protected readonly watch: DeliveryWatch;
  protected readonly quietMs = 240_000;
  private readonly receivers: SimReceivers;
  private readonly alerts: { alert: Alert; answered: boolean }[];

  constructor(plan: Plan, schemas: Schemas, twist: SqlTwist = {}) {
    super(plan, schemas.webhooks, twist);
    this.receivers = new SimReceivers(this.kernel);
    this.watch = new DeliveryWatch(this.db, this.receivers, TRIES_MAX);
    this.alerts = Array.from({ length: plan.changes }, (_, i) => ({ alert: alertOf(i), answered: false }));
  }

  protected open(process: SimProcess): Replica {
    return new Replica(process, this.db, this.receivers);
  }

  protected begin(): void {
    const db = preparing(this.db);
    for (const [workspace, names] of Object.entries(RECEIVERS))
      for (const name of names) void new TypeormWebhooks().insert(db, webhookOf(workspace, name));
    for (const each of this.alerts) {
      const fire = (): void =>
        void this.anyReplica()
          ?.fire(each.alert)
          .then(() => (each.answered = true), nothing);
      this.kernel.after(this.kernel.between(100, 8_000), fire);
    }
  }

  /** In the end each alert that was answered is there, with a delivery per receiver, and each of them has ended. */
  protected unfinished(): string[] {
    const rows = this.db.dump('webhook_deliveries', ['id', 'alert_id', 'state']);
    const fired = new Set(this.db.dump('fired').map((row) => row['alert_id'] as string));
    const open = rows
      .filter((row) => row['state'] === 'pending')
      .map((row) => `delivery ${row['id'] as string} is still to be made`);
    return this.alerts.reduce<string[]>((found, { alert, answered }) => {
      if (answered && !fired.has(alert.id)) found.push(`alert ${alert.id} is gone`);
      const count = rows.filter((row) => row['alert_id'] === alert.id).length;
      const wanted = fired.has(alert.id) ? RECEIVERS[alert.workspace].length : 0;
      if (count !== wanted) found.push(`alert ${alert.id} has ${count} deliveries instead of ${wanted}`);
      return found;
    }, open);
  }

  /** Faults of a broker hit the receivers; a rebalance is a replica that stops in order and comes again. */
  protected strikePeer(fault: Fault, process?: SimProcess): void {
    const { kernel, receivers } = this;
    if (fault.kind === 'cut') process?.cutFrom(fault.server === 'db' ? 'db' : 'receiver', fault.forMs);
    else if (fault.kind === 'broker-away') receivers.awayUntilMs = kernel.nowMs + fault.forMs;
    else if (fault.kind === 'refuse-key') receivers.hangUntilMs = kernel.nowMs + fault.forMs;
    else if (fault.kind === 'rebalance') this.restart(0);
  }
}

function webhookOf(workspace: string, name: string): Webhook {
  return { workspace, id: name, name, url: `https://${name}`, sendResolved: true, createTime: new Date(0) };
}

function alertOf(i: number): Alert {
  return {
    workspace: i % 3 === 0 ? 'v' : 'w',
    id: `alert-${i}`,
    monitorId: 'm',
    kind: 'drift',
    severity: 'warning',
    modelName: 'model',
    endpoint: 'e',
    state: 'firing',
    direction: 'both',
    effect: 1,
    pValue: 0.01,
    summary: 'it drifts',
    details: {},
    sampleInferenceIds: [],
    startTime: new Date(Date.UTC(2026, 0, 1)),
    endTime: null,
    resolveReason: '',
  };
}
