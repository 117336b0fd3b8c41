// SPDX-License-Identifier: Apache-2.0

/** Throws, or gives false, when the thing is not well; the message of what it throws is shown. */
export type HealthCheck = () => unknown;

export interface HealthReport {
  ok: boolean;
  /** By check: 'ok' or what is wrong. */
  checks: Record<string, string>;
}

/** What a process says about itself. Ready = should get traffic; live = should not be restarted. */
export class HealthRegistry {
  private readonly readiness = new Map<string, HealthCheck>();
  private readonly liveness = new Map<string, HealthCheck>();
  private readonly listeners = new Set<(ready: boolean) => void>();
  private draining = false;
  private started = false;

  constructor(private readonly checkTimeoutMs = 2000) {}

  addReadiness(name: string, check: HealthCheck): void {
    this.readiness.set(name, check);
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
    return { ok: ready.ok && live.ok, checks: { ...live.checks, ...ready.checks } };
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
