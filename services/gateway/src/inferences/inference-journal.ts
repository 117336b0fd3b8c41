// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Inference } from './inference';

/** A segment that is larger is left to be emptied, and the next one begins. */
const SEGMENT_BYTES_MAX = 4 * 1024 * 1024;
/** How long an answer waits for a write at most; then it goes out without this protection, which is counted. */
const WAIT_MS_MAX = 50;
/** A segment that nobody has touched for so long belongs to nobody, even if its process id is in use. */
export const ABANDONED_MS = 60_000;
const NAME = /^(\d+)-[0-9a-f-]{36}\.jsonl$/;

interface Segment {
  path: string;
  file: FileHandle;
  bytes: number;
  /** Events in it that are not in the database yet. */
  waiting: number;
}

/** An event as it shall stand in a file. */
interface Line {
  text: string;
  /** Ends the wait of its answer; gone when that has ended. */
  resume?: () => void;
}

/** A segment that an ended process left behind. */
export interface Orphan {
  path: string;
  inferences: Inference[];
  /** Lines that cannot be read. The last line of a killed process may be cut: its answer never went out. */
  unreadable: number;
}

/**
 * Keeps finished requests on disk from before their answer ends until their event is in the outbox, so that a killed process
 * loses none: the next one that starts on the same folder writes what it finds. Lines are appended in groups and not synced: they
 * outlive the process, not the machine. Writing one twice is harmless, since the event's id is the inference's id.
 */
export class InferenceJournal {
  private readonly folder: string;
  private current: Segment | undefined;
  private readonly full = new Set<Segment>();
  private readonly segmentOf = new Map<string, Segment>();
  // Lines that no write has taken yet, and those that the present one has taken, by inference id.
  private lines = new Map<string, Line>();
  private taken: ReadonlyMap<string, Line> = new Map();
  private writing: Promise<void> | undefined;
  private slow = false;
  /** Events that were answered without being on disk. */
  unprotected = 0;

  constructor(
    workDir: string,
    private readonly onFailure: (error: unknown) => void,
    private readonly waitMsMax = WAIT_MS_MAX,
  ) {
    this.folder = join(resolve(workDir), 'inference-events');
  }

  /** Begins a segment, or tries again when that failed before; tells others that this process lives. */
  async touch(): Promise<void> {
    const now = new Date();
    for (const segment of this.segments()) {
      try {
        await utimes(segment.path, now, now);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        // Taken for an orphan while this process was frozen: what it held is written by another one.
        if (segment === this.current) this.retire();
      }
    }
    this.current ??= await this.begin();
  }

  /** Resolves when the event is on disk, or when the disk is too slow or away. */
  append(inference: Inference): Promise<void> {
    if (!this.current || this.slow) {
      this.unprotected += 1;
      return Promise.resolve();
    }
    return new Promise((resume) => {
      this.lines.set(inference.inferenceId, { text: `${JSON.stringify(inference)}\n`, resume });
      this.writing ??= this.writeOut();
    });
  }

  /** These are in the outbox, or were given up. */
  async forget(inferences: readonly Inference[]): Promise<void> {
    for (const { inferenceId } of inferences) {
      this.lines.get(inferenceId)?.resume?.();
      this.lines.delete(inferenceId);
      this.release(inferenceId);
    }
    for (const segment of this.full) if (segment.waiting === 0) await this.remove(segment);
  }

  /** True when the event is on disk, so that it survives the end of this process. */
  holds({ inferenceId }: Inference): boolean {
    return this.segmentOf.has(inferenceId) && !this.taken.has(inferenceId);
  }

  /** Writes what it has and closes the files; those that hold nothing any more are removed, others are left to the next process. */
  async close(): Promise<void> {
    await this.writing;
    this.retire();
    for (const segment of this.segments()) {
      if (segment.waiting === 0) await this.remove(segment);
      else await segment.file.close();
    }
  }

  /**
   * What ended processes left behind, oldest first. Remove each with `discard` once its events are written. Each is read when it is
   * asked for: processes that were killed one after the other while the database was away left more than one can hold.
   */
  async *orphans(nowMs: number): AsyncGenerator<Orphan> {
    const found: { path: string; changedMs: number }[] = [];
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      const [, processId] = NAME.exec(name) ?? [];
      if (processId === undefined || this.isOwn(path)) continue;
      const changedMs = (await stat(path)).mtimeMs;
      if (!isAlive(Number(processId)) || nowMs - changedMs > ABANDONED_MS) found.push({ path, changedMs });
    }
    found.sort((left, right) => left.changedMs - right.changedMs);
    for (const { path } of found) yield await readSegment(path);
  }

  async discard(orphan: Orphan): Promise<void> {
    await rm(orphan.path, { force: true });
  }

  private isOwn(path: string): boolean {
    return this.segments().some((segment) => segment.path === path);
  }

  private segments(): Segment[] {
    return [...this.full, ...(this.current ? [this.current] : [])];
  }

  // Nothing more is written to the current segment.
  private retire(): void {
    if (this.current) this.full.add(this.current);
    this.current = undefined;
  }

  private release(inferenceId: string): void {
    const segment = this.segmentOf.get(inferenceId);
    if (!segment) return;
    this.segmentOf.delete(inferenceId);
    segment.waiting -= 1;
  }

  private async begin(): Promise<Segment> {
    await mkdir(this.folder, { recursive: true });
    const path = join(this.folder, `${process.pid}-${randomUUID()}.jsonl`);
    // Prompts and answers: nobody else's to read.
    return { path, file: await open(path, 'ax', 0o600), bytes: 0, waiting: 0 };
  }

  private async writeOut(): Promise<void> {
    while (this.lines.size > 0) {
      const lines = (this.taken = this.lines);
      this.lines = new Map();
      // Those that came while this write hangs go on too; their lines stay for the next one.
      const watch = setTimeout(() => {
        this.slow = true;
        this.unprotected += resumeAll(lines) + resumeAll(this.lines);
      }, this.waitMsMax);
      try {
        await this.write(lines);
      } catch (error) {
        // A full disk, for instance: answers go on. The next `touch` begins a new segment.
        this.unprotected += resumeAll(lines);
        for (const inferenceId of lines.keys()) this.release(inferenceId);
        this.retire();
        this.onFailure(error);
      }
      clearTimeout(watch);
      this.slow = false;
      this.taken = new Map();
      resumeAll(lines);
    }
    this.writing = undefined;
  }

  private async write(lines: ReadonlyMap<string, Line>): Promise<void> {
    const segment = this.current;
    if (!segment) throw new Error('the journal of inference events has no file');
    segment.waiting += lines.size;
    for (const inferenceId of lines.keys()) this.segmentOf.set(inferenceId, segment);
    const text = [...lines.values()].map((line) => line.text).join('');
    await segment.file.appendFile(text);
    segment.bytes += Buffer.byteLength(text);
    if (segment.bytes < SEGMENT_BYTES_MAX || segment !== this.current) return;
    this.retire();
    this.current = await this.begin();
  }

  private async remove(segment: Segment): Promise<void> {
    this.full.delete(segment);
    await segment.file.close();
    await rm(segment.path, { force: true });
  }
}

/** Ends every wait that has not ended yet; gives how many. */
function resumeAll(lines: ReadonlyMap<string, Line>): number {
  let count = 0;
  for (const line of lines.values()) {
    if (!line.resume) continue;
    line.resume();
    line.resume = undefined;
    count += 1;
  }
  return count;
}

// A process id that is our own, in a file that is not ours, was that of the container's process before this one.
function isAlive(processId: number): boolean {
  if (processId === process.pid) return false;
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function readSegment(path: string): Promise<Orphan> {
  const orphan: Orphan = { path, inferences: [], unreadable: 0 };
  for (const line of (await readFile(path, 'utf8')).split('\n')) {
    if (line === '') continue;
    try {
      const inference = JSON.parse(line) as Inference;
      orphan.inferences.push({ ...inference, requestTime: new Date(inference.requestTime) });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      orphan.unreadable += 1;
    }
  }
  return orphan;
}
