// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import type { EventRunner, RunResult } from './event-runner';
import type { EventHandler, ReceivedEvent } from './events';

export interface GatherBounds {
  /** Events of one transaction. */
  sizeMax: number;
  /** How long the first piece waits for others. */
  gatherMs: number;
}

interface Gathering {
  handler: EventHandler;
  events: ReceivedEvent[];
  pieces: number;
  full: () => void;
  /** False: each piece is to run by itself. */
  done: Promise<boolean>;
}

/**
 * Runs pieces of several partitions that arrive at the same moment in one transaction: with little in each partition, the statements
 * around a piece cost more than its events. Order within a partition stays; a death leaves all of the pieces undone, as it would have
 * left one. A failure is nobody's in particular, so each piece is then run by itself, where it is split and judged.
 */
export class GatheredRuns {
  private open?: Gathering;

  constructor(
    private readonly runner: EventRunner,
    private readonly clock: Clock,
    private readonly bounds: GatherBounds,
  ) {}

  async run(handler: EventHandler, events: ReceivedEvent[], signal: AbortSignal): Promise<RunResult> {
    if (events.length >= this.bounds.sizeMax) return this.runner.run(handler, events, signal);
    if (await this.join(handler, events).done) return { done: events.length };
    return signal.aborted ? { done: 0 } : this.runner.run(handler, events, signal);
  }

  private join(handler: EventHandler, events: ReceivedEvent[]): Gathering {
    const { open } = this;
    if (open && (open.handler !== handler || open.events.length + events.length > this.bounds.sizeMax)) this.close(open);
    const gathering = this.open ?? this.begin(handler);
    gathering.events.push(...events);
    gathering.pieces += 1;
    if (gathering.events.length >= this.bounds.sizeMax) this.close(gathering);
    return gathering;
  }

  private begin(handler: EventHandler): Gathering {
    let full = (): void => undefined;
    const filled = new Promise<void>((resolve) => (full = resolve));
    const cancel = this.clock.timer(this.bounds.gatherMs, () => this.close(gathering));
    const done = filled.then(() => {
      cancel();
      return this.runTogether(gathering);
    });
    const gathering: Gathering = { handler, events: [], pieces: 0, full, done };
    return (this.open = gathering);
  }

  private close(gathering: Gathering): void {
    if (this.open === gathering) this.open = undefined;
    gathering.full();
  }

  private async runTogether({ handler, events, pieces }: Gathering): Promise<boolean> {
    return pieces > 1 && (await this.runner.runTogether(handler, events));
  }
}
