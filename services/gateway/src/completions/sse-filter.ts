// SPDX-License-Identifier: Apache-2.0
import { valueEnd } from './json-spans';

/** Tokens that a backend reports. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
}

const EVENT_BYTES_MAX = 1024 * 1024;
const USAGE_KEY = Buffer.from('"usage"');
const EMPTY_CHOICES = [Buffer.from('"choices":[]'), Buffer.from('"choices": []')];

/**
 * Passes a server-sent event stream on in whole events: what has arrived of an unfinished event waits, so that an error event
 * can always be put between two. Events are forwarded byte for byte without being parsed; only the bytes `"usage"` and
 * `"choices":[]` are searched for (parsing every event costs 10 % more CPU per stream). The chunk that carries nothing but usage
 * is dropped when the caller had not asked for it.
 */
export class SseFilter {
  /** The last usage seen. */
  usage: Usage | undefined;
  private waiting: Buffer | undefined;

  constructor(private readonly dropUsageChunk: boolean) {}

  /** The part of the stream that may be sent on now, or undefined. */
  push(chunk: Buffer): Buffer | undefined {
    const data = this.waiting ? Buffer.concat([this.waiting, chunk]) : chunk;
    const end = lastEventEnd(data);
    if (end === data.length) this.waiting = undefined;
    else this.waiting = end === 0 ? data : data.subarray(end);
    if (this.waiting && this.waiting.length > EVENT_BYTES_MAX) {
      // An event of this size is no token; hold no more of it.
      this.waiting = undefined;
      return data;
    }
    return end === 0 ? undefined : this.inspect(data.subarray(0, end));
  }

  /** What is left when the backend ends without a blank line. */
  end(): Buffer | undefined {
    const rest = this.waiting;
    this.waiting = undefined;
    return rest && this.inspect(rest);
  }

  private inspect(events: Buffer): Buffer | undefined {
    if (EMPTY_CHOICES.some((needle) => events.includes(needle))) return this.withoutUsageChunk(events);
    const usage = lastUsage(events);
    if (usage) this.usage = usage;
    return events;
  }

  private withoutUsageChunk(events: Buffer): Buffer | undefined {
    const kept: Buffer[] = [];
    for (const event of splitEvents(events)) {
      const usage = lastUsage(event);
      if (usage) this.usage = usage;
      const onlyUsage = usage !== undefined && EMPTY_CHOICES.some((needle) => event.includes(needle));
      if (!(onlyUsage && this.dropUsageChunk)) kept.push(event);
    }
    return kept.length === 0 ? undefined : Buffer.concat(kept);
  }
}

/** End of the last whole event: just after its blank line; 0 = none. Lines end in LF or CRLF. */
export function lastEventEnd(data: Buffer): number {
  const lf = data.lastIndexOf('\n\n');
  const crlf = data.lastIndexOf('\n\r\n');
  return Math.max(lf === -1 ? 0 : lf + 2, crlf === -1 ? 0 : crlf + 3);
}

/** Events with their blank lines. */
export function splitEvents(data: Buffer): Buffer[] {
  const events: Buffer[] = [];
  let start = 0;
  while (start < data.length) {
    const lf = data.indexOf('\n\n', start);
    const crlf = data.indexOf('\n\r\n', start);
    const ends = [lf === -1 ? Infinity : lf + 2, crlf === -1 ? Infinity : crlf + 3];
    const end = Math.min(...ends, data.length);
    events.push(data.subarray(start, end));
    start = end;
  }
  return events;
}

/** The last `"usage": {...}` in these bytes, or undefined. `"usage": null` is none. */
export function lastUsage(data: Buffer): Usage | undefined {
  let at = data.lastIndexOf(USAGE_KEY);
  while (at !== -1) {
    let start = at + USAGE_KEY.length;
    while (data[start] === 0x20 || data[start] === 0x3a) start += 1;
    if (data[start] === 0x7b) {
      const usage = parseUsage(data.toString('utf8', start, valueEnd(data, start)));
      if (usage) return usage;
    }
    at = at === 0 ? -1 : data.lastIndexOf(USAGE_KEY, at - 1);
  }
  return undefined;
}

function parseUsage(json: string): Usage | undefined {
  let value: { prompt_tokens?: unknown; completion_tokens?: unknown };
  try {
    value = JSON.parse(json) as typeof value;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return { promptTokens: count(value.prompt_tokens), completionTokens: count(value.completion_tokens) };
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.min(Math.trunc(value), 2 ** 31 - 1) : 0;
}
