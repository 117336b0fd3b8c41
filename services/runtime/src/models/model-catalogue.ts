// SPDX-License-Identifier: Apache-2.0
import type { ModelFiles } from '#libs/tiny-lm';
import { modelNotFound, RuntimeErrors } from '../runtime.errors';

/** A model that this server answers for. Its weights may be out of memory; they come back from storage on demand. */
export interface ModelEntry {
  id: string;
  manifestDigest: string;
  aliases: string[];
  createTime: Date;
}

/** A model in memory: its files, verified, and what it costs over all threads. */
export interface ResidentModel {
  files: Partial<ModelFiles>;
  memoryBytes: number;
}

/**
 * Which ids are served, and which models are in memory, least recently used first. Models are known by digest: two ids of one digest share
 * memory. Pure bookkeeping; reading and verifying is the loader's work.
 */
export class ModelCatalogue {
  private readonly entries = new Map<string, ModelEntry>();
  // Insertion order is order of use: a model that is used moves to the end.
  private readonly residents = new Map<string, ResidentModel>();

  constructor(private readonly memoryBytesMax: number) {}

  list(): ModelEntry[] {
    return [...this.entries.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  find(id: string): ModelEntry | undefined {
    return this.entries.get(id);
  }

  /** The entry of an id or alias; RUNTIME.MODEL_NOT_FOUND otherwise. */
  resolve(name: string): ModelEntry {
    const entry = this.entries.get(name) ?? [...this.entries.values()].find(({ aliases }) => aliases.includes(name));
    if (!entry) throw modelNotFound(name);
    return entry;
  }

  /** Checks that an id and its aliases are free or already this digest's; RUNTIME.MODEL_ID_TAKEN names the taken one. */
  assertFree(id: string, manifestDigest: string, aliases: readonly string[]): void {
    const known = this.entries.get(id);
    if (known && known.manifestDigest !== manifestDigest) {
      throw RuntimeErrors.MODEL_ID_TAKEN(`${JSON.stringify(id)} serves another version`, {
        id,
        manifestDigest: known.manifestDigest,
      });
    }
    for (const name of [id, ...aliases]) {
      const holder = [...this.entries.values()].find(
        (entry) => entry.id !== id && (entry.id === name || entry.aliases.includes(name)),
      );
      if (holder)
        throw RuntimeErrors.MODEL_ID_TAKEN(`${JSON.stringify(name)} belongs to ${holder.id}`, { id: name, holder: holder.id });
    }
  }

  put(entry: ModelEntry): void {
    this.entries.set(entry.id, entry);
  }

  /** Takes an id off; returns the digest that nothing needs any more, if so. */
  remove(id: string): { wasKnown: boolean; unused?: string } {
    const entry = this.entries.get(id);
    if (!entry) return { wasKnown: false };
    this.entries.delete(id);
    const isShared = [...this.entries.values()].some(({ manifestDigest }) => manifestDigest === entry.manifestDigest);
    if (isShared) return { wasKnown: true };
    this.residents.delete(entry.manifestDigest);
    return { wasKnown: true, unused: entry.manifestDigest };
  }

  /** The model in memory, which becomes the most recently used one. */
  use(digest: string): ResidentModel | undefined {
    const resident = this.residents.get(digest);
    if (!resident) return undefined;
    this.residents.delete(digest);
    this.residents.set(digest, resident);
    return resident;
  }

  /** Takes a model into memory and returns the digests that had to leave; RUNTIME.MODEL_TOO_LARGE when it cannot fit at all. */
  admit(digest: string, model: ResidentModel): string[] {
    if (model.memoryBytes > this.memoryBytesMax) {
      const reason = `needs ${model.memoryBytes} bytes, MODEL_MEMORY_BYTES_MAX is ${this.memoryBytesMax}`;
      throw RuntimeErrors.MODEL_TOO_LARGE(`the model ${reason}`, { memoryBytes: model.memoryBytes });
    }
    this.residents.delete(digest);
    const evicted: string[] = [];
    for (const oldest of this.residents.keys()) {
      if (this.memoryBytes + model.memoryBytes <= this.memoryBytesMax) break;
      this.residents.delete(oldest);
      evicted.push(oldest);
    }
    this.residents.set(digest, model);
    return evicted;
  }

  isResident(digest: string): boolean {
    return this.residents.has(digest);
  }

  /** The most recently used model in memory. */
  get latestResident(): string | undefined {
    return [...this.residents.keys()].at(-1);
  }

  get residentCount(): number {
    return this.residents.size;
  }

  get memoryBytes(): number {
    return [...this.residents.values()].reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  }
}
