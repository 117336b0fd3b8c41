// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { Kernel } from './kernel';
import { SimTrainer } from './sim-trainer';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A host: its disk, the blob store beside it, and the trainers that run there, which outlive the service that started them. */
export class SimHost {
  readonly violations: string[] = [];
  readonly files = new Map<string, string>();
  /** Folders by path; one that is removed and made again is another one. */
  readonly folders = new Map<string, object>();
  /** Manifests by digest. */
  readonly models = new Map<string, Record<string, unknown>>();
  private readonly trainers = new Map<number, SimTrainer>();
  private pids = 1_000;

  constructor(readonly kernel: Kernel) {}

  makeFolder(path: string): void {
    if (!this.folders.has(path)) this.folders.set(path, {});
  }

  /** As rename(2): a folder that has something in it stays. */
  move(from: string, to: string): boolean {
    const inside = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);
    if (!this.folders.has(from)) throw new Error(`${from} is not there`);
    if ([...this.files.keys(), ...this.folders.keys()].some((path) => inside(path, to))) return false;
    for (const entries of [this.files, this.folders] as Map<string, unknown>[])
      for (const [path, value] of [...entries])
        if (path === from || inside(path, from)) {
          entries.delete(path);
          entries.set(to + path.slice(from.length), value);
        }
    return true;
  }

  remove(path: string): void {
    for (const { hasTaken, attemptToken, folder } of this.running())
      if (hasTaken && (folder === path || folder.startsWith(`${path}/`)))
        this.violations.push(`the folder of ${attemptToken} was removed under its trainer`);
    for (const entries of [this.files, this.folders])
      for (const each of entries.keys()) if (each === path || each.startsWith(`${path}/`)) entries.delete(each);
  }

  storeModel(content: string, extra: Record<string, unknown>): string {
    const digest = sha256(JSON.stringify([content, extra]));
    this.models.set(digest, extra);
    return digest;
  }

  spawn(folder: string, attemptToken: string): SimTrainer {
    const trainer = new SimTrainer(this, (this.pids += 1), folder, attemptToken);
    this.trainers.set(trainer.pid, trainer);
    return trainer;
  }

  find(pid: number): SimTrainer | undefined {
    return this.trainers.get(pid);
  }

  /** All that run. */
  running(): SimTrainer[] {
    return [...this.trainers.values()].filter((trainer) => !trainer.end);
  }

  /** A trainer begins its work. Two at once would waste what one does, and write over each other. */
  took(trainer: SimTrainer): void {
    for (const other of this.running())
      if (other !== trainer && other.hasTaken && other.jobId === trainer.jobId)
        this.violations.push(
          `job ${trainer.jobId} has two trainers at once, of ${other.attemptToken} and ${trainer.attemptToken}`,
        );
  }
}
