// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Logger } from '#libs/observability';
import { Database, type Transaction } from '#libs/persistence';
import { BackgroundLoop } from '../background-loop';
import { GatewaySettings } from '../config';
import type { RoutingSnapshot } from './routing-snapshot';
import { RoutingRepository } from './routing.repository';

/**
 * Holds the snapshot that requests use and replaces it as a whole. Serving goes on with the last one while the database is away.
 */
@Injectable()
export class RoutingStore {
  private snapshot: RoutingSnapshot | undefined;
  private readonly loop: BackgroundLoop;
  private readonly listeners = new Set<(snapshot: RoutingSnapshot) => void>();
  private readonly commitListeners = new Set<() => void>();

  constructor(
    private readonly database: Database,
    private readonly repository: RoutingRepository,
    settings: GatewaySettings,
    logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      name: 'routing',
      intervalMs: settings.routingPollMs,
      work: () => this.refresh(),
      logger,
    });
  }

  /** The snapshot, or undefined until the database was read once. */
  current(): RoutingSnapshot | undefined {
    return this.snapshot;
  }

  /** Called with each new snapshot. */
  onSwap(listener: (snapshot: RoutingSnapshot) => void): void {
    this.listeners.add(listener);
  }

  /** Called after each commit of this process that changed endpoints, rollouts or deployments. */
  onCommit(listener: () => void): void {
    this.commitListeners.add(listener);
  }

  /** Says in a transaction that routing changed; this process reads it again right after the commit, others within the poll time. */
  async changed(tx: Transaction): Promise<void> {
    await this.repository.bump(tx);
    tx.afterCommit(() => {
      this.loop.wake();
      for (const listener of this.commitListeners) listener();
    });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async refresh(): Promise<boolean> {
    const revision = await this.repository.revision(this.database);
    if (revision === this.snapshot?.revision) return false;
    const snapshot = await this.repository.load(this.database);
    this.snapshot = snapshot;
    for (const listener of this.listeners) listener(snapshot);
    return false;
  }
}
