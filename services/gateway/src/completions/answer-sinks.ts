// SPDX-License-Identifier: Apache-2.0
import type { ServerResponse } from 'node:http';
import { CompletionErrors } from './completions.errors';
import type { BodySink } from './backend-call';
import { SseFilter, type Usage } from './sse-filter';

/** Collects a whole answer, bounded: nothing is sent before it is complete, so a failure is still a real HTTP status. */
export class WholeAnswer implements BodySink {
  private readonly chunks: Buffer[] = [];
  private bytes = 0;

  constructor(
    private readonly bytesMax: number,
    private readonly onTooLarge: (error: Error) => void,
  ) {}

  data(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    if (this.bytes > this.bytesMax) {
      this.onTooLarge(CompletionErrors.BACKEND_BAD_ANSWER(`the answer is larger than ${this.bytesMax} bytes`));
      return false;
    }
    this.chunks.push(chunk);
    return true;
  }

  get body(): Buffer {
    return this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
  }
}

const KEPT_BYTES_MAX = 256 * 1024;

/** Sends a stream on while it arrives, at the caller's pace, and keeps what the event about it needs. */
export class StreamedAnswer implements BodySink {
  private readonly filter: SseFilter;
  private readonly kept: Buffer[] = [];
  private keptBytes = 0;
  private tail: Buffer | undefined;
  /** When the first body byte was sent on, by performance.now(). */
  firstByteAtMs: number | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly resume: () => void,
    options: { dropUsageChunk: boolean; captureBytesMax: number },
  ) {
    this.filter = new SseFilter(options.dropUsageChunk);
    // An event takes some 250 bytes for 4 bytes of text.
    this.keptBytesMax = Math.min(KEPT_BYTES_MAX, 2048 + options.captureBytesMax * 80);
  }

  private readonly keptBytesMax: number;

  data(chunk: Buffer): boolean {
    return this.write(this.filter.push(chunk));
  }

  /** The backend has ended: sends what is left. */
  finish(): void {
    this.write(this.filter.end());
  }

  get usage(): Usage | undefined {
    return this.filter.usage;
  }

  /** Events for the text, and whether some are missing at the end. The last events are there in any case. */
  get events(): { bytes: Buffer; cut: boolean } {
    const cut = this.tail !== undefined;
    return { bytes: Buffer.concat(this.tail ? [...this.kept, this.tail] : this.kept), cut };
  }

  private write(events: Buffer | undefined): boolean {
    if (!events) return true;
    this.firstByteAtMs ??= performance.now();
    if (this.keptBytes < this.keptBytesMax) {
      this.kept.push(events);
      this.keptBytes += events.length;
    } else {
      this.tail = events;
    }
    if (this.response.write(events)) return true;
    this.response.once('drain', this.resume);
    return false;
  }
}
