// SPDX-License-Identifier: Apache-2.0
import { invalidParameter } from '../runtime.errors';

/** Reads parameters of an OpenAI request body; a wrong one is refused by name. Parameters that it does not know are left alone. */
export class RequestFields {
  private readonly body: Record<string, unknown>;

  constructor(body: unknown) {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalidParameter('body', 'must be a JSON object');
    this.body = body as Record<string, unknown>;
  }

  get(name: string): unknown {
    return this.body[name] ?? undefined;
  }

  text(name: string): string {
    const value = this.get(name);
    if (typeof value !== 'string' || value === '') throw invalidParameter(name, 'must be a non-empty string');
    return value;
  }

  flag(name: string): boolean {
    const value = this.get(name) ?? false;
    if (typeof value !== 'boolean') throw invalidParameter(name, 'must be true or false');
    return value;
  }

  number(name: string, range: { min: number; max: number; whole?: boolean }): number | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    const isFine =
      typeof value === 'number' && value >= range.min && value <= range.max && (!range.whole || Number.isInteger(value));
    if (!isFine) throw invalidParameter(name, `must be a ${range.whole ? 'whole ' : ''}number from ${range.min} to ${range.max}`);
    return value;
  }

  /** One to four non-empty strings. */
  stops(): string[] {
    const value = this.get('stop');
    if (value === undefined) return [];
    const list: unknown[] = Array.isArray(value) ? value : [value];
    if (list.length > 4) throw invalidParameter('stop', 'must be at most 4 sequences');
    return list.map((stop) => {
      if (typeof stop !== 'string' || stop === '') throw invalidParameter('stop', 'must be a non-empty string or a list of them');
      return stop;
    });
  }

  /** What would change the answer if it were ignored is refused unless it has the value that changes nothing. */
  refuseUnsupported(harmless: Record<string, unknown[]>): void {
    for (const [name, values] of Object.entries(harmless)) {
      const value = this.get(name);
      if (value === undefined || values.some((allowed) => JSON.stringify(allowed) === JSON.stringify(value))) continue;
      throw invalidParameter(name, 'is not supported by this server');
    }
  }
}
