// SPDX-License-Identifier: Apache-2.0

/** Passes text through until one of the stop sequences begins; holds back an ending that could still become one. */
export class StopScanner {
  found = false;
  private held = '';

  constructor(private readonly stops: readonly string[]) {}

  /** Returns the text that is now certain. After a stop sequence nothing more comes. */
  push(text: string): string {
    if (this.found) return '';
    this.held += text;
    let end = -1;
    for (const stop of this.stops) {
      const at = stop === '' ? -1 : this.held.indexOf(stop);
      if (at >= 0 && (end < 0 || at < end)) end = at;
    }
    if (end >= 0) {
      this.found = true;
      const out = this.held.slice(0, end);
      this.held = '';
      return out;
    }
    const keep = this.stops.reduce((most, stop) => Math.max(most, overlap(this.held, stop)), 0);
    const out = this.held.slice(0, this.held.length - keep);
    this.held = this.held.slice(this.held.length - keep);
    return out;
  }

  /** What was held back, when no more text comes. */
  rest(): string {
    const out = this.held;
    this.held = '';
    return out;
  }
}

// Length of the longest ending of text that begins stop.
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
