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
  private heldMark: Buffer | undefined;
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

  /** The backend has ended: what is left to send, the mark of the end included. */
  complete(): Buffer {
    const rest = this.filter.end();
    if (rest) this.keep(rest);
    const last = [this.heldMark, rest].filter((part) => part !== undefined);
    this.heldMark = undefined;
    return Buffer.concat(last);
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
    const { before, mark } = splitMark(this.heldMark ? Buffer.concat([this.heldMark, events]) : events);
    this.heldMark = mark;
    if (before.length === 0) return true;
    this.keep(before);
    if (this.response.write(before)) return true;
    this.response.once('drain', this.resume);
    return false;
  }

  private keep(events: Buffer): void {
    this.firstByteAtMs ??= performance.now();
    if (this.keptBytes < this.keptBytesMax) {
      this.kept.push(events);
      this.keptBytes += events.length;
    } else {
      this.tail = events;
    }
  }
}

const END_MARK = Buffer.from('data: [DONE]');

/** Cuts off the event that tells a client that the answer is whole: it is sent when the answer's record is kept. */
function splitMark(events: Buffer): { before: Buffer; mark: Buffer | undefined } {
  const at = events.lastIndexOf(END_MARK);
  const atLine = at === 0 || events[at - 1] === 0x0a;
  if (at === -1 || !atLine || events.length - at > END_MARK.length + 4) return { before: events, mark: undefined };
  return { before: events.subarray(0, at), mark: events.subarray(at) };
}
