// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#libs/observability';
import type { ModelCatalogue } from './model-catalogue';
import type { ModelListFile } from './model-list-file';

/** After a restart: the models served before are served again. Their weights are read when the first request needs them. */
export class RestoreModels {
  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly list: ModelListFile,
    private readonly logger: Logger,
  ) {}

  async execute(): Promise<void> {
    const entries = await this.list.read();
    for (const entry of entries) this.catalogue.put(entry);
    if (entries.length > 0) this.logger.info({ models: entries.length }, 'models of the last run are served again');
  }
}
