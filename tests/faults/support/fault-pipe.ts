// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';

/** What happens to bytes of one direction. Nothing set: they pass at once. */
export interface LinkConditions {
  /** Each piece arrives that much later; order is kept. */
  latencyMs?: number;
  /** Up to that much is added to the latency of each piece, at random. */
  jitterMs?: number;
  bytesPerSecond?: number;
  /** The whole connection is reset once that many more bytes have passed in this direction. */
  resetAfterBytes?: number;
  /** Nothing passes and nothing is lost: bytes (and ends) wait until this is over, the sender is held back by full buffers. */
  hold?: boolean;
  /** Bytes and ends vanish. When this is over, a connection that lost something is reset: its stream has a hole. */
  blackHole?: boolean;
}

interface Piece {
  /** null: the sender has said its last word. */
  bytes: Buffer | null;
  dueMs: number;
}

export interface PipeTools {
  random: () => number;
  /** The connection cannot go on: reset both sides. */
  onBroken: () => void;
}

const QUEUED_BYTES_MAX = 256 * 1024;

/** One direction of a connection. */
export class FaultPipe {
  bytesPassed = 0;
  bytesLost = 0;
  private conditions: LinkConditions = {};
  private readonly queue: Piece[] = [];
  private queuedBytes = 0;
  /** When the line is free for the next piece, at the given bandwidth. */
  private freeAtMs = 0;
  private lastDueMs = 0;
  private resetAtBytes = Infinity;
  private lostEnd = false;
  private broken = false;
  private stopped = false;
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly source: Socket,
    private readonly sink: Socket,
    private readonly tools: PipeTools,
  ) {
    source.on('data', (bytes: Buffer) => this.arrived(bytes));
    source.once('end', () => this.arrived(null));
    source.on('error', () => this.sourceBroke());
    source.once('close', () => this.onSourceClosed());
    sink.on('drain', () => this.pump());
  }

  set(conditions: LinkConditions): void {
    const hadHole = this.conditions.blackHole && !conditions.blackHole && (this.bytesLost > 0 || this.lostEnd);
    this.conditions = conditions;
    this.resetAtBytes = conditions.resetAfterBytes === undefined ? Infinity : this.bytesPassed + conditions.resetAfterBytes;
    if (hadHole) this.tools.onBroken();
    else this.pump();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.queue.length = 0;
  }

  private arrived(bytes: Buffer | null): void {
    if (this.stopped) return;
    const { blackHole, latencyMs = 0, jitterMs = 0, bytesPerSecond } = this.conditions;
    if (blackHole) {
      if (bytes === null) this.lostEnd = true;
      else this.bytesLost += bytes.length;
      return;
    }
    const nowMs = performance.now();
    const length = bytes?.length ?? 0;
    this.freeAtMs = Math.max(nowMs, this.freeAtMs) + (bytesPerSecond === undefined ? 0 : (length / bytesPerSecond) * 1_000);
    // TCP keeps the order, so nothing overtakes what came before.
    this.lastDueMs = Math.max(this.lastDueMs, this.freeAtMs + latencyMs + jitterMs * this.tools.random());
    this.queue.push({ bytes, dueMs: this.lastDueMs });
    this.queuedBytes += length;
    this.pump();
  }

  private pump(): void {
    clearTimeout(this.timer);
    while (!this.stopped && !this.conditions.hold && !this.sink.writableNeedDrain) {
      const piece = this.queue[0];
      if (!piece) break;
      const waitMs = piece.dueMs - performance.now();
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.pump(), Math.ceil(waitMs));
        break;
      }
      this.queue.shift();
      this.deliver(piece);
    }
    if (this.stopped) return;
    if (this.queuedBytes > QUEUED_BYTES_MAX) this.source.pause();
    else if (this.source.isPaused()) this.source.resume();
    if (this.broken && !this.conditions.hold && this.queue.length === 0) this.tools.onBroken();
  }

  private deliver({ bytes }: Piece): void {
    if (bytes === null) {
      this.sink.end();
      return;
    }
    this.queuedBytes -= bytes.length;
    const room = this.resetAtBytes - this.bytesPassed;
    const passing = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.bytesPassed += passing.length;
    if (this.sink.writable) this.sink.write(passing);
    // After the last bytes are handed to the kernel, or a reset would overtake them.
    if (this.bytesPassed >= this.resetAtBytes) this.sink.write('', () => this.tools.onBroken());
  }

  private sourceBroke(): void {
    this.broken = true;
    if (this.conditions.blackHole) this.lostEnd = true;
    else this.pump();
  }

  /** A source that is gone without an end (destroyed) must not leave its peer waiting, unless the link hides it. */
  private onSourceClosed(): void {
    if (this.stopped || this.source.readableEnded) return;
    this.sourceBroke();
  }
}
