// SPDX-License-Identifier: Apache-2.0
import { ModelBackend } from '../../services/gateway/src/deployments/model-backend';
import type { SimProcess } from './kernel';

const TIMEOUT_MS = 8_000;
const REFUSED_SHARE = 0.1;

/** A model server: what it holds, and when it did what. */
export class SimBackend {
  readonly held = new Map<string, string>();
  readonly done: { task: 'load' | 'unload'; id: string; digest?: string; atMs: number }[] = [];
  awayUntilMs = 0;
}

/** One replica's connection to it. Work takes up to seconds, fails now and then, and its answer may be lost. */
export class SimModelBackend extends ModelBackend {
  constructor(
    private readonly process: SimProcess,
    private readonly server: SimBackend,
  ) {
    super();
  }

  load(_backendUrl: string, id: string, digest: string): Promise<void> {
    return this.call(3_000, (atMs) => {
      this.server.held.set(id, digest);
      this.server.done.push({ task: 'load', id, digest, atMs });
    });
  }

  unload(_backendUrl: string, id: string): Promise<void> {
    return this.call(500, (atMs) => {
      this.server.held.delete(id);
      this.server.done.push({ task: 'unload', id, atMs });
    });
  }

  list(_backendUrl: string): Promise<Set<string>> {
    return this.call(5, () => new Set(this.server.held.keys()));
  }

  private call<T>(workMsMax: number, effect: (atMs: number) => T): Promise<T> {
    const { process, server } = this;
    const { kernel } = process;
    return new Promise((resolve, reject) => {
      const late = process.clock.timer(TIMEOUT_MS, () => reject(new Error('the backend did not answer in time')));
      const loses = process.loseAnswers.has(process.calls + 1);
      process.request('backend', (answer) => {
        kernel.after(kernel.between(1, workMsMax), () => {
          const refused = kernel.nowMs < server.awayUntilMs || kernel.chance(REFUSED_SHARE);
          const result = refused ? undefined : effect(kernel.nowMs);
          if (loses) return;
          answer(() => {
            late();
            if (refused) reject(new Error('the backend refuses'));
            else resolve(result as T);
          });
        });
      });
    });
  }
}
