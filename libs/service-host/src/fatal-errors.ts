// SPDX-License-Identifier: Apache-2.0

/** Where parts of a process say that it cannot go on; the host decides how it ends. */
export class FatalErrors {
  private readonly listeners = new Set<(error: unknown) => void>();
  private first?: unknown;

  report(error: unknown): void {
    this.first ??= error;
    for (const listener of this.listeners) listener(error);
  }

  /** Called at once when something was reported before. */
  onReport(listener: (error: unknown) => void): void {
    this.listeners.add(listener);
    if (this.first !== undefined) listener(this.first);
  }
}
