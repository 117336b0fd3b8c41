// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { Logger } from '#libs/observability';
import { Database } from '#libs/persistence';
import { IngestionMetrics } from './ingestion.metrics';

/** The small ports that an upload needs beside its stores. */
@Injectable()
export class UploadTools {
  constructor(
    readonly db: Database,
    readonly clock: Clock,
    readonly ids: Ids,
    readonly metrics: IngestionMetrics,
    readonly logger: Logger,
  ) {}
}
