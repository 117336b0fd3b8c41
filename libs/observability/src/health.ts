// SPDX-License-Identifier: Apache-2.0

/** Throws, or gives false, when the thing is not well; the message of what it throws is shown. */
export type HealthCheck = () => unknown;

export interface HealthReport {
  ok: boolean;
  /** By check: 'ok' or what is wrong. */
  checks: Record<string, string>;
}

/**
 * What a process says about itself. Live = should not be restarted. Ready = all that it needs is there. Serving = traffic should go to
 * it: it was ready once, is not stopping, and nothing of its own is wrong. A dependency that is away is away for the other replicas
 * as well: to take all of them out of rotation would turn a broker's outage into one of every door.
 */
export class HealthRegistry {
  private readonly readiness = new Map<string, HealthCheck>();
  private readonly dependencies = new Set<string>();
  private readonly liveness = new Map<string, HealthCheck>();
  private readonly listeners = new Set<(ready: boolean) => void>();
  private draining = false;
  private started = false;
  private wasReady = false;

  constructor(private readonly checkTimeoutMs = 2000) {}

  /** @param dependency - what is asked is not this process: it is waited for at the start, and not a reason to stop serving. */
  addReadiness(name: string, check: HealthCheck, { dependency = false } = {}): void {
    this.readiness.set(name, check);
    if (dependency) this.dependencies.add(name);
  }

  addLiveness(name: string, check: HealthCheck): void {
    this.liveness.set(name, check);
  }

  /** Boot is over: from now on readiness is what the checks say. */
  markStarted(): void {
    this.started = true;
    this.tell(true);
  }

  /** The process is stopping: never ready again. */
  drain(): void {
    this.draining = true;
    this.tell(false);
  }

  /** Called when the process starts to serve or to drain. */
  onChange(listener: (ready: boolean) => void): void {
    this.listeners.add(listener);
  }

  async ready(): Promise<HealthReport> {
    if (this.draining) return { ok: false, checks: { shutdown: 'the process is stopping' } };
    if (!this.started) return { ok: false, checks: { start: 'the process is starting' } };
    // A process that is not alive is not ready either.
    const [ready, live] = await Promise.all([this.run(this.readiness), this.run(this.liveness)]);
    const ok = ready.ok && live.ok;
    this.wasReady ||= ok;
    return { ok, checks: { ...live.checks, ...ready.checks } };
  }

  async serving(): Promise<HealthReport> {
    if (this.draining || !this.wasReady) return this.ready();
    const own = [...this.readiness].filter(([name]) => !this.dependencies.has(name));
    return this.run(new Map([...own, ...this.liveness]));
  }

  live(): Promise<HealthReport> {
    return this.run(this.liveness);
  }

  private async run(checks: Map<string, HealthCheck>): Promise<HealthReport> {
    const entries = await Promise.all([...checks].map(async ([name, check]) => [name, await this.outcome(check)] as const));
    return { ok: entries.every(([, outcome]) => outcome === 'ok'), checks: Object.fromEntries(entries) };
  }

  private async outcome(check: HealthCheck): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`no answer within ${this.checkTimeoutMs} ms`), this.checkTimeoutMs);
    });
    try {
      const answer = await Promise.race([Promise.resolve().then(check), late]);
      if (typeof answer === 'string' && answer !== 'ok') return answer;
      return answer === false ? 'not well' : 'ok';
    } catch (error) {
      return (error as Error).message || 'failed';
    } finally {
      clearTimeout(timer);
    }
  }

  private tell(ready: boolean): void {
    for (const listener of this.listeners) listener(ready);
  }
}
