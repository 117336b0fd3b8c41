// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';

/** A fact that the demo expected and did not observe. */
export class FactMissingError extends Error {
  constructor(
    readonly fact: string,
    detail: string,
  ) {
    super(`expected, but not observed: ${fact}${detail ? `\n     ${detail}` : ''}`);
  }
}

/** How long a stage took. */
export interface StageTime {
  title: string;
  seconds: number;
}

/** Tells the demo's story line by line and keeps count of what was observed. */
export class Story {
  readonly stages: StageTime[] = [];
  facts = 0;
  private lastProgress = '';

  constructor(private readonly write: (text: string) => void) {}

  /** Runs one stage; its name goes before every error that comes out of it. */
  async stage<T>(title: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.write(`\n${this.stages.length + 1}. ${title}\n`);
    try {
      return await work();
    } catch (error) {
      throw new Error(
        `stage ${this.stages.length + 1} (${title}) failed: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      );
    } finally {
      this.stages.push({ title, seconds: (performance.now() - startedAt) / 1000 });
    }
  }

  /** What happens and why. */
  say(text: string): void {
    this.write(`   ${text}\n`);
  }

  /** Where to look. */
  look(address: string): void {
    this.write(`     look: ${address}\n`);
  }

  /** Progress; the same line is not told twice. */
  progress(text: string): void {
    if (text === this.lastProgress) return;
    this.lastProgress = text;
    this.write(`     ... ${text}\n`);
  }

  /** States a fact that must hold now. */
  check(fact: string, holds: boolean, detail = ''): void {
    if (!holds) throw new FactMissingError(fact, detail);
    this.facts += 1;
    this.write(`   ✓ ${fact}\n`);
  }

  /** Asks until the answer is there, at most `seconds`; an error of the last try is told with the missing fact. */
  async observe<T>(fact: string, ask: () => Promise<T | undefined>, seconds = 30): Promise<T> {
    const answer = await this.poll(fact, ask, seconds);
    this.facts += 1;
    this.write(`   ✓ ${fact}\n`);
    return answer;
  }

  /** Like observe, without telling it: for waiting. */
  async poll<T>(fact: string, ask: () => Promise<T | undefined>, seconds = 30): Promise<T> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      let lastError = '';
      try {
        const answer = await ask();
        if (answer !== undefined) return answer;
      } catch (error) {
        if (error instanceof FactMissingError) throw error;
        lastError = error instanceof Error ? error.message : String(error);
      }
      if (Date.now() > deadline) throw new FactMissingError(fact, lastError || `not within ${seconds} s`);
      await delay(150);
    }
  }
}
