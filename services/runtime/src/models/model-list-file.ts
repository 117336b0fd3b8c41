// SPDX-License-Identifier: Apache-2.0
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '#libs/observability';
import type { ModelEntry } from './model-catalogue';

interface Saved {
  schema: 'millrace.runtime-models/v1';
  models: { id: string; manifestDigest: string; aliases: string[]; createTime: string }[];
}

/** Keeps the list of served models over a restart. Weights are not kept: they come from storage again, verified. */
export class ModelListFile {
  private readonly path: string;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly folder: string,
    private readonly logger: Logger,
  ) {
    this.path = join(folder, 'models.json');
  }

  /** Empty when there is none; one that cannot be read is logged and counts as none: whoever loaded the models loads them again. */
  async read(): Promise<ModelEntry[]> {
    try {
      const saved = JSON.parse(await readFile(this.path, 'utf8')) as Saved;
      return saved.models.map((entry) => ({ ...entry, createTime: new Date(entry.createTime) }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      this.logger.warn({ err: error, path: this.path }, 'the list of models cannot be read; starting with none');
      return [];
    }
  }

  /** Whole or not at all; calls follow each other. */
  write(entries: readonly ModelEntry[]): Promise<void> {
    const models = entries.map((entry) => ({ ...entry, createTime: entry.createTime.toISOString() }));
    const text = `${JSON.stringify({ schema: 'millrace.runtime-models/v1', models } satisfies Saved, null, 2)}\n`;
    const next = this.writing.then(async () => {
      await mkdir(this.folder, { recursive: true });
      await writeFile(`${this.path}.partial`, text);
      await rename(`${this.path}.partial`, this.path);
    });
    // A failed write is its caller's error; the next one starts afresh.
    this.writing = next.catch((error: unknown) => this.logger.error({ err: error }, 'the list of models cannot be written'));
    return next;
  }
}
