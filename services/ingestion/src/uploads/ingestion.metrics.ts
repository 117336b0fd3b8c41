// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { listErrorCodes } from '#libs/errors';
import { Metrics } from '#libs/observability';
import type { DatasetVersion } from '../datasets/dataset';
import { quarantineReasons } from '../rows/source-row';

/** Metrics of ingestion, each declared once. */
@Injectable()
export class IngestionMetrics {
  private readonly rows;
  private readonly bytes;
  private readonly uploads;

  constructor(metrics: Metrics) {
    const refusals = listErrorCodes().flatMap(({ code }) => (/^(INGESTION|COMMON)\./.test(code) ? [code] : []));
    this.rows = metrics.counter({
      name: 'rows_total',
      help: 'Rows of committed versions, by outcome: kept or the reason of their quarantine.',
      labelValues: { outcome: ['kept', ...quarantineReasons] },
    });
    this.bytes = metrics.counter({ name: 'kept_bytes_total', help: 'Bytes of kept rows as JSON lines.' });
    this.uploads = metrics.counter({
      name: 'uploads_total',
      help: 'Uploads that ended, by result: committed or the code of the refusal.',
      labelValues: { result: ['committed', ...refusals] },
    });
  }

  committed(version: DatasetVersion): void {
    this.uploads.inc({ result: 'committed' });
    this.rows.inc({ outcome: 'kept' }, version.rowsKept);
    this.bytes.inc(version.bytes);
    for (const [reason, count] of Object.entries(version.quarantinedByReason)) this.rows.inc({ outcome: reason }, count);
  }

  refused(code: string): void {
    this.uploads.inc({ result: code });
  }
}
