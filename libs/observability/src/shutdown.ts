// SPDX-License-Identifier: Apache-2.0
import type { Logger } from './logger';

/** The stages of a graceful stop, in order (reliability section 3). */
export const SHUTDOWN_STAGES = [
  'readiness-off',
  'stop-intake',
  'finish-in-flight',
  'stop-relay',
  'flush',
  'close-pools',
] as const;

export type ShutdownStage = (typeof SHUTDOWN_STAGES)[number];

const STAGE_LIMIT_MS: Record<ShutdownStage, number> = {
  'readiness-off': 5000,
  'stop-intake': 12_000,
  'finish-in-flight': 15_000,
  'stop-relay': 5000,
  flush: 5000,
  'close-pools': 5000,
};

interface Step {
  name: string;
  fn: () => unknown;
}

/**
 * Stops a process in one order, whoever registered first: each stage runs its steps side by side and must end before the next
 * begins. A step that fails or overruns its stage is logged and passed over; the whole takes at most `totalMs`.
 */
export class ShutdownSequence {
  private readonly steps = new Map<ShutdownStage, Step[]>(SHUTDOWN_STAGES.map((stage) => [stage, []]));
  private running?: Promise<boolean>;

  constructor(
    private readonly logger: Logger,
    private readonly totalMs = 25_000,
  ) {}

  /** Registers a step. `finish-in-flight` is for waiting, `stop-intake` for closing doors, `close-pools` for what handlers need. */
  on(stage: ShutdownStage, name: string, fn: () => unknown): void {
    this.steps.get(stage)!.push({ name, fn });
  }

  get started(): boolean {
    return this.running !== undefined;
  }

  /** Runs once; later calls wait for the same run. True when every step ended well and in time. */
  run(reason: string): Promise<boolean> {
    this.running ??= this.runStages(reason);
    return this.running;
  }

  private async runStages(reason: string): Promise<boolean> {
    const startMs = performance.now();
    let clean = true;
    this.logger.info({ reason }, 'stopping');
    for (const stage of SHUTDOWN_STAGES) {
      const leftMs = this.totalMs - (performance.now() - startMs);
      const limitMs = Math.max(50, Math.min(STAGE_LIMIT_MS[stage], leftMs));
      const outcomes = await Promise.all(this.steps.get(stage)!.map((step) => this.runStep(stage, step, limitMs)));
      clean &&= outcomes.every(Boolean);
    }
    this.logger.info({ reason, clean, durationMs: Math.round(performance.now() - startMs) }, 'stopped');
    return clean;
  }

  private async runStep(stage: ShutdownStage, step: Step, limitMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), limitMs);
    });
    try {
      const outcome = await Promise.race([Promise.resolve().then(step.fn), late]);
      if (outcome !== 'late') return true;
      this.logger.error({ stage, step: step.name, limitMs }, 'shutdown step overran');
      return false;
    } catch (error) {
      this.logger.error({ stage, step: step.name, err: error }, 'shutdown step failed');
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}
