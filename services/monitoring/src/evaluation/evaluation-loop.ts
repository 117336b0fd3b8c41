// SPDX-License-Identifier: Apache-2.0
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { toAppError } from '#libs/errors';
import { HealthRegistry, Logger, ShutdownSequence } from '#libs/observability';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import { FindDueWork } from './find-due-work';
import type { LoopTask } from './loop-task';
import { LoopTasks } from './loop-tasks';

/** Without a finished pass for this long the process is not live: something hangs. */
const STALLED_MS = 120_000;

/**
 * The timer of the service: monitors, rollouts, raters, proposals and late joins, whatever is due. Every task claims
 * its rows with locks of its own, so replicas share the work without a leader; a failed task does not stop the others.
 */
@Injectable()
export class EvaluationLoop implements OnApplicationBootstrap {
  private readonly stop = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private lastPassMs: number;

  constructor(
    private readonly tasks: LoopTasks,
    private readonly work: FindDueWork,
    private readonly settings: MonitoringSettings,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: MonitoringMetrics,
    health: HealthRegistry,
    shutdown: ShutdownSequence,
  ) {
    this.lastPassMs = clock.monotonicMs();
    health.addLiveness('evaluation-loop', () => {
      const stalledMs = this.clock.monotonicMs() - this.lastPassMs;
      if (this.settings.runConsumers && stalledMs > STALLED_MS)
        throw new Error(`no evaluation pass for ${Math.round(stalledMs)} ms`);
    });
    shutdown.on('stop-intake', 'evaluation-loop', async () => {
      this.stop.abort();
      await this.running;
    });
  }

  onApplicationBootstrap(): void {
    if (this.settings.runConsumers) this.running = this.loop();
  }

  /** One pass over everything that is due. */
  async pass(): Promise<void> {
    let due = new Set<string>();
    await this.attempt('find-work', async () => {
      due = await this.work.execute();
    });
    for (const [name, run] of this.tasks.list()) if (due.has(name)) await this.attempt(name, run);
    this.lastPassMs = this.clock.monotonicMs();
    this.metrics.loopHeartbeat.set(this.clock.now().getTime() / 1000);
  }

  private async loop(): Promise<void> {
    while (!this.stop.signal.aborted) {
      await this.pass();
      try {
        await this.clock.sleep(this.settings.evaluationIntervalMs, this.stop.signal);
      } catch (error) {
        if (!this.stop.signal.aborted) this.logger.error({ err: error }, 'evaluation timer failed');
      }
    }
  }

  private async attempt(name: LoopTask, run: () => Promise<unknown>): Promise<void> {
    if (this.stop.signal.aborted) return;
    try {
      await run();
    } catch (error) {
      this.metrics.loopErrors.inc({ task: name });
      this.logger.error({ task: name, code: toAppError(error).code, err: error }, 'evaluation task failed');
    }
  }
}
