// SPDX-License-Identifier: Apache-2.0
import { IsInt, IsString, Max, Min, MinLength } from 'class-validator';
import { ServiceSettings, Setting } from '#libs/config';

/** Settings of data-prep. */
export class DataPrepSettings extends ServiceSettings {
  @Setting({ doc: 'Folder for temporary files of running jobs.', default: './.millrace/work/data-prep' })
  @IsString()
  @MinLength(1)
  workDir: string;

  @Setting({ doc: 'Most profiles and recipe runs at once in this process.', default: 2 })
  @IsInt()
  @Min(1)
  @Max(64)
  jobsRunningMax: number;

  @Setting({
    doc: 'How long a process holds a job without a sign of life, in seconds; then another one takes it over.',
    default: 30,
  })
  @IsInt()
  @Min(1)
  @Max(3600)
  jobLeaseSeconds: number;

  @Setting({
    doc: 'Longest time that one try of a job may take, in seconds; a longer one is interrupted and counts as failed, and another process may have the job.',
    default: 7_200,
  })
  @IsInt()
  @Min(1)
  @Max(604_800)
  jobSecondsMax: number;

  @Setting({
    doc: 'Tries after which a job fails for good. Tries that end because a peer does not answer or something has no room count only when the job is an hour old.',
    default: 5,
  })
  @IsInt()
  @Min(1)
  @Max(100)
  jobAttemptsMax: number;

  @Setting({
    doc: 'Pause between two looks at the queue, in milliseconds (new jobs of this process start at once); eight times that, at most 2 s, after eight looks at nothing.',
    default: 1000,
  })
  @IsInt()
  @Min(10)
  @Max(60_000)
  jobPollMilliseconds: number;

  @Setting({ doc: 'Most rows that a recipe run reads; a larger input is refused.', default: 2_000_000 })
  @IsInt()
  @Min(1)
  recipeRowsMax: number;

  @Setting({ doc: 'Most rows that a preview reads.', default: 20_000 })
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  previewRowsMax: number;

  @Setting({
    doc: 'Rows of a version that its profile compares for near-duplicates; beyond it the numbers are marked as not exact.',
    default: 1_000_000,
  })
  @IsInt()
  @Min(1)
  profileNearDuplicateRowsMax: number;

  @Setting({
    doc: 'Memory that DuckDB may use for the columns of a profile, in MB; beyond it, it uses the work folder.',
    default: 512,
  })
  @IsInt()
  @Min(64)
  duckdbMemoryMegabytes: number;

  @Setting({ doc: 'Threads of DuckDB.', default: 2 })
  @IsInt()
  @Min(1)
  @Max(64)
  duckdbThreads: number;

  @Setting({
    doc: 'Key of the pseudonyms that replace personal data; empty = AUTH_SIGNING_KEY. Changing it changes every pseudonym.',
    secret: true,
    optional: true,
  })
  @IsString()
  @MinLength(16)
  pseudonymKey?: string;

  @Setting({ doc: 'Longest wait for an answer of ingestion, in milliseconds (streams of rows: 30 minutes).', default: 10_000 })
  @IsInt()
  @Min(100)
  peerDeadlineMilliseconds: number;
}
