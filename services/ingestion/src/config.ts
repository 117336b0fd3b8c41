// SPDX-License-Identifier: Apache-2.0
import { IsInt, IsString, Max, Min } from 'class-validator';
import { ServiceSettings, Setting } from '#libs/config';

/** Settings of ingestion. */
export class IngestionSettings extends ServiceSettings {
  @Setting({ doc: 'Largest row in bytes; a longer line is quarantined.', default: 1024 * 1024 })
  @IsInt()
  @Min(1024)
  rowBytesMax: number;

  @Setting({ doc: 'Largest upload in bytes; a larger one is refused whole.', default: 8 * 1024 * 1024 * 1024 })
  @IsInt()
  @Min(1024)
  uploadBytesMax: number;

  @Setting({ doc: 'Most uploads at once in this process; more get 429.', default: 8 })
  @IsInt()
  @Min(1)
  uploadsRunningMax: number;

  @Setting({ doc: 'Size of a stored chunk of rows in bytes.', default: 4 * 1024 * 1024 })
  @IsInt()
  @Min(4096)
  chunkBytes: number;

  @Setting({ doc: 'Folder for temporary files of Parquet uploads.', default: './.millrace/work/ingestion' })
  @IsString()
  workDir: string;

  @Setting({ doc: 'Most rows of one rater in a feedback dataset, unless the request says less.', default: 200 })
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  feedbackRowsPerRaterMax: number;
}
