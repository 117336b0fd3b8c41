// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '#libs/testing';
import { trainerCommands } from './training-fixture';

/** Keeps trainers at a step, so that a spec meets them on the way on any machine, however fast or busy. */
export class TrainerHold {
  private readonly folder = mkdtempSync(join(tmpdir(), 'millrace-hold-'));
  private readonly file = join(this.folder, 'steps');

  /** TRAINER_COMMANDS of the trainers that can be held. */
  get commands(): string {
    return trainerCommands({ preload: [join(projectRoot(), 'services/training/test/hold-steps.ts')], args: [this.file] });
  }

  /** Every trainer process waits after that many steps of its own, until it is killed, stopped or let go. */
  at(steps: number): void {
    writeFileSync(`${this.file}.next`, String(steps));
    renameSync(`${this.file}.next`, this.file);
  }

  release(): void {
    rmSync(this.file, { force: true });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
