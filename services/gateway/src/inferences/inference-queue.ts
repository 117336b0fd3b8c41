// SPDX-License-Identifier: Apache-2.0
import type { Inference } from './inference';

export const dropReasons = ['queue-full', 'unwritable', 'shutdown'] as const;
export type DropReason = (typeof dropReasons)[number];

/** An event that could not be kept: never silent. */
export interface DroppedInference {
  workspace: string;
  inferenceId: string;
  endpoint: string;
  reason: DropReason;
  requestTime: Date;
}

const DROPPED_LISTED_MAX = 1000;
// Small enough that writing one does not hold up answers. A character may become six in the outbox, and is there several times on its way.
const BATCH_COUNT_MAX = 200;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
// Ids, names and numbers of an event, beside its texts.
const FIXED_BYTES = 600;

/** Finished requests that wait to be written, bounded in number and in bytes. The newest is refused when it is full. */
export class InferenceQueue {
  private items: Inference[] = [];
  private bytes = 0;
  private readonly dropped: DroppedInference[] = [];
  private droppedCount = 0;

  constructor(
    private readonly countMax: number,
    private readonly bytesMax: number,
  ) {}

  /** False when it had to be dropped. */
  push(inference: Inference): boolean {
    const bytes = sizeOf(inference);
    if (this.items.length >= this.countMax || this.bytes + bytes > this.bytesMax) {
      this.drop(inference, 'queue-full');
      return false;
    }
    this.items.push(inference);
    this.bytes += bytes;
    return true;
  }

  /** The oldest, at most `count`; they stay until `remove` is called. */
  peek(count: number): Inference[] {
    return this.items.slice(0, count);
  }

  /** The oldest, as many as are written together; they stay until `remove` is called. */
  batch(): Inference[] {
    return batchFrom(this.items, 0);
  }

  /** Forgets the oldest `count`. */
  remove(count: number): void {
    const removed = this.items.slice(0, count);
    this.items = this.items.slice(count);
    for (const inference of removed) this.bytes -= sizeOf(inference);
  }

  drop(inference: Inference, reason: DropReason): void {
    this.droppedCount += 1;
    const { workspace, inferenceId, endpoint, requestTime } = inference;
    this.dropped.push({ workspace, inferenceId, endpoint, reason, requestTime });
    if (this.dropped.length > DROPPED_LISTED_MAX) this.dropped.shift();
  }

  get size(): number {
    return this.items.length;
  }

  /** How many were dropped since the start, in all workspaces. */
  get droppedTotal(): number {
    return this.droppedCount;
  }

  /** The last dropped ones of a workspace, newest first. */
  listDropped(workspace: string, count: number): DroppedInference[] {
    return this.dropped
      .filter((dropped) => dropped.workspace === workspace)
      .slice(-count)
      .reverse();
  }
}

/** As many as are written together: one at least, unless there is none. */
export function batchFrom(inferences: readonly Inference[], start: number): Inference[] {
  let end = start;
  for (let bytes = 0; end < inferences.length && end - start < BATCH_COUNT_MAX; end += 1) {
    bytes += sizeOf(inferences[end]);
    if (end > start && bytes > BATCH_BYTES_MAX) break;
  }
  return inferences.slice(start, end);
}

// Two bytes per UTF-16 unit bound what V8 holds.
function sizeOf(inference: Inference): number {
  return FIXED_BYTES + 2 * (inference.inputText.length + inference.outputText.length);
}
