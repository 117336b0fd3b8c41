// SPDX-License-Identifier: Apache-2.0
import type { KeyProfile } from './profile';

const PATHS_MAX = 500;
const DEPTH_MAX = 4;

/** Which keys rows have, with which JSON types. Nested objects by dotted path, items of lists as `path[]`. All rows are read. */
export class KeyInventory {
  private readonly paths = new Map<string, { present: number; types: Map<string, number>; lastRow: number }>();
  private readonly leftOut = new Set<string>();
  private rows = 0;

  add(data: Record<string, unknown>): void {
    this.rows++;
    this.visit(data, '', 1);
  }

  private visit(data: Record<string, unknown>, prefix: string, depth: number): void {
    for (const [key, value] of Object.entries(data)) this.see(prefix + key, value, depth);
  }

  private see(path: string, value: unknown, depth: number): void {
    let entry = this.paths.get(path);
    if (!entry) {
      if (this.paths.size >= PATHS_MAX) {
        if (this.leftOut.size < 10_000) this.leftOut.add(path);
        return;
      }
      entry = { present: 0, types: new Map(), lastRow: 0 };
      this.paths.set(path, entry);
    }
    const type = jsonType(value);
    entry.types.set(type, (entry.types.get(type) ?? 0) + 1);
    // A key inside a list is present once per row, however many items have it.
    if (entry.lastRow !== this.rows) {
      entry.lastRow = this.rows;
      if (value !== null) entry.present++;
    }
    if (depth >= DEPTH_MAX) return;
    if (Array.isArray(value)) for (const item of value.slice(0, 200)) this.see(`${path}[]`, item, depth + 1);
    else if (typeof value === 'object' && value !== null) this.visit(value as Record<string, unknown>, `${path}.`, depth + 1);
  }

  finish(): { keys: KeyProfile[]; leftOut: number } {
    const keys = [...this.paths].map(([path, { present, types }]) => ({
      path,
      present,
      missing: this.rows - present,
      missingShare: this.rows === 0 ? 0 : (this.rows - present) / this.rows,
      types: Object.fromEntries([...types].sort(([, x], [, y]) => y - x)),
    }));
    return { keys, leftOut: this.leftOut.size };
  }
}

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  // An integer beyond 2^53 travels as a marked string.
  if (typeof value === 'string') return value.startsWith('\uE000int:') ? 'integer' : 'text';
  return typeof value;
}
