// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Logger } from '#libs/observability';
import { BackgroundLoop } from '../background-loop';
import { GatewaySettings } from '../config';

/** Work that the sweeper repeats; true = there may be more at once. */
export interface SweptWork {
  name: string;
  execute(): Promise<boolean>;
}

/** Repeats the work on intents: at once when woken, else by poll. Every replica sweeps; row leases keep them apart. */
@Injectable()
export class DeploymentSweeper {
  private readonly loops: BackgroundLoop[] = [];

  constructor(
    private readonly settings: GatewaySettings,
    private readonly logger: Logger,
  ) {}

  /** Adds work before start; `polls` slows it down to every nth poll. */
  add(work: SweptWork, polls = 1): void {
    const intervalMs = this.settings.deploymentPollMs * polls;
    this.loops.push(new BackgroundLoop({ name: work.name, intervalMs, work: () => work.execute(), logger: this.logger }));
  }

  start(): void {
    for (const loop of this.loops) loop.start();
  }

  wake(): void {
    for (const loop of this.loops) loop.wake();
  }

  async stop(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }
}
