// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import {
  type CheckpointLine,
  type NoteLine,
  parseWorkerLine,
  PROGRESS_FILE,
  type ProgressLine,
} from '../trainers/trainer-contract';
import type { JobProgress } from './job';
import type { WorkFiles } from './work-files';

/** Read at once, and the longest line that counts. */
const READ_BYTES_MAX = 1024 * 1024;

/** What a trainer wrote since the last flush. */
export interface ProgressBatch {
  /** Bytes of the file up to here; in a line that is too long, maybe: the rest of that is no line either. */
  offset: number;
  progress: JobProgress | undefined;
  checkpoints: CheckpointLine[];
  notes: NoteLine[];
}

/** Follows the progress file of an attempt from a byte offset; whole lines only. */
export class AttemptProgress {
  private readonly path: string;
  private steps: ProgressLine[] = [];
  private checkpoints: CheckpointLine[] = [];
  private notes: NoteLine[] = [];
  private reported: ProgressLine | undefined;

  constructor(
    private readonly files: WorkFiles,
    attemptFolder: string,
    private offset: number,
  ) {
    this.path = join(attemptFolder, PROGRESS_FILE);
  }

  /** Reads what is new. Returns true when something has to be told at once (a checkpoint or a note). */
  async poll(): Promise<boolean> {
    for (let bytes = await this.read(); bytes.length > 0; bytes = await this.read()) {
      const end = bytes.lastIndexOf(10) + 1;
      if (end === 0 && bytes.length === READ_BYTES_MAX) {
        // A line that long is none of the contract; it is passed over, or nothing after it would ever be read.
        this.offset += bytes.length;
        continue;
      }
      if (end === 0) break;
      this.offset += end;
      for (const text of bytes.subarray(0, end).toString('utf8').split('\n')) this.take(text);
      if (bytes.length < READ_BYTES_MAX) break;
    }
    return this.checkpoints.length > 0 || this.notes.length > 0;
  }

  get isEmpty(): boolean {
    return this.steps.length === 0 && this.checkpoints.length === 0 && this.notes.length === 0;
  }

  /** Hands over what was read and starts anew. */
  flush(): ProgressBatch {
    const batch = { offset: this.offset, progress: this.summarise(), checkpoints: this.checkpoints, notes: this.notes };
    this.reported = this.steps.at(-1) ?? this.reported;
    this.steps = [];
    this.checkpoints = [];
    this.notes = [];
    return batch;
  }

  private take(text: string): void {
    const line = parseWorkerLine(text);
    if (line?.type === 'progress') this.steps.push(line);
    if (line?.type === 'checkpoint') this.checkpoints.push(line);
    if (line?.type === 'note') this.notes.push(line);
  }

  private summarise(): JobProgress | undefined {
    const first = this.reported ?? this.steps[0];
    const last = this.steps.at(-1);
    if (!first || !last) return undefined;
    // The first line of all starts the clock, so its own tokens do not count.
    const counted = this.reported ? this.steps : this.steps.slice(1);
    const seconds = (Date.parse(last.time) - Date.parse(first.time)) / 1000;
    const tokens = counted.reduce((sum, line) => sum + line.tokens, 0);
    return {
      step: last.step,
      stepsTotal: last.stepsTotal,
      loss: this.steps.reduce((sum, line) => sum + line.loss, 0) / this.steps.length,
      learningRate: last.learningRate,
      tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
      reportTime: last.time,
    };
  }

  private read(): Promise<Buffer> {
    return this.files.readBytes(this.path, this.offset, READ_BYTES_MAX);
  }
}
