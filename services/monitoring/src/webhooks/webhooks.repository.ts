// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import type { AlertmanagerBody } from '../alerts/alertmanager-body';

export interface Webhook {
  workspace: string;
  id: string;
  name: string;
  url: string;
  sendResolved: boolean;
  createTime: Date;
}

/** One notification that must reach one receiver: an intent row, driven until it is delivered or given up. */
export interface Delivery {
  workspace: string;
  id: string;
  webhookId: string;
  alertId: string;
  url: string;
  body: AlertmanagerBody;
  state: 'pending' | 'delivered' | 'failed';
  attempts: number;
  /** When it may be tried (again); while it is claimed, when the claim runs out. */
  attemptTime: Date;
  /** Rises with every claim: an answer with an older fence is ignored. */
  fence: number;
  statusCode: number;
  lastError: string;
  createTime: Date;
}

/** Due at once. */
export type NewDelivery = Pick<Delivery, 'workspace' | 'id' | 'webhookId' | 'alertId' | 'url' | 'body'>;

/** What came of a claim; `retrySeconds` counts while it stays pending. */
export type SettledDelivery = Delivery & { retrySeconds: number };

export interface DueDeliveries {
  /** The database's time of this look, to the microsecond. */
  dueTime: string;
  workspaces: string[];
}

export interface DeliveryClaim {
  workspace: string;
  dueTime: string;
  leaseSeconds: number;
}

/** Of a workspace: each alert is delivered to all of them. */
export const WEBHOOKS_MAX = 100;

/** Times are the database's: replicas with different clocks claim the same rows. */
export abstract class WebhooksRepository {
  /** Throws MONITORING.MONITOR_NAME_TAKEN or TOO_MANY_WEBHOOKS. */
  abstract insert(db: Queryable, webhook: Webhook): Promise<void>;
  abstract list(db: Queryable, workspace: string): Promise<Webhook[]>;
  /** False when there is none. */
  abstract delete(db: Queryable, workspace: string, id: string): Promise<boolean>;
  abstract insertDeliveries(db: Queryable, deliveries: readonly NewDelivery[]): Promise<void>;
  /** Which workspaces have deliveries that are due. */
  abstract due(db: Queryable): Promise<DueDeliveries>;
  /** Claims one delivery that was due at `dueTime`, for `leaseSeconds`: attempts and fence rise. */
  abstract claim(db: Queryable, claim: DeliveryClaim): Promise<Delivery | undefined>;
  /** Records the outcome of a claim; nothing happens when the fence has moved on. */
  abstract settle(db: Queryable, delivery: SettledDelivery): Promise<void>;
  /** Gives a claim back as if it had not been made: due at once, for whoever comes. Nothing happens when the fence has moved on. */
  abstract release(db: Queryable, delivery: Delivery): Promise<void>;
  abstract deliveries(db: Queryable, workspace: string, page: { before?: string; size: number }): Promise<Delivery[]>;
}
