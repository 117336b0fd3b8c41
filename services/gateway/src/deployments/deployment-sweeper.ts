// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Logger } from '#libs/observability';
import { Database } from '#libs/persistence';
import { BackgroundLoop } from '../background-loop';
import { GatewaySettings } from '../config';
import { DueWorkRepository, type SweptName } from './due-work.repository';

/** Work that the sweeper repeats while it is due; true = there may be more at once. */
export interface SweptWork {
  name: SweptName;
  execute(): Promise<boolean>;
}

/** Work looks by itself this often, whatever the sweeper sees. */
const REST_MS = 60_000;

/**
 * Repeats the work on intents: at once when woken, else when a poll finds it due; one statement asks for all works, because nearly
 * always none is. Every replica sweeps; row leases keep them apart.
 */
@Injectable()
export class DeploymentSweeper {
  private readonly works = new Map<SweptName, BackgroundLoop>();
  private readonly look: BackgroundLoop;

  constructor(
    private readonly settings: GatewaySettings,
    private readonly logger: Logger,
    private readonly database: Database,
    private readonly dueWork: DueWorkRepository,
  ) {
    const { deploymentPollMs: intervalMs } = settings;
    this.look = new BackgroundLoop({ name: 'due-work', intervalMs, work: () => this.nudgeDue(), logger });
  }

  /** Adds work before start. */
  add(work: SweptWork): void {
    const { deploymentPollMs: intervalMs } = this.settings;
    this.works.set(
      work.name,
      new BackgroundLoop({ name: work.name, intervalMs, restMs: REST_MS, work: () => work.execute(), logger: this.logger }),
    );
  }

  start(): void {
    for (const loop of this.works.values()) loop.start();
    this.look.start();
  }

  wake(): void {
    for (const loop of this.works.values()) loop.wake();
  }

  async stop(): Promise<void> {
    await Promise.all([this.look, ...this.works.values()].map((loop) => loop.stop()));
  }

  private async nudgeDue(): Promise<boolean> {
    for (const name of await this.dueWork.due(this.database)) this.works.get(name)?.nudge();
    return false;
  }
}
