// SPDX-License-Identifier: Apache-2.0
import { IsInt, IsJSON, IsNumber, IsString, Max, Min, MinLength, ValidateIf } from 'class-validator';
import { ServiceSettings, Setting } from '#libs/config';

/** Settings of training. */
export class TrainingSettings extends ServiceSettings {
  @Setting({
    doc: 'Folder for the files of running attempts; kept across restarts, so that a trainer that outlived the service is found again.',
    default: './.millrace/training',
  })
  @IsString()
  @MinLength(1)
  workDir: string;

  @Setting({ doc: 'Most jobs (fine-tunes and evaluations) that run at once, over all processes of this service.', default: 2 })
  @IsInt()
  @Min(1)
  @Max(1000)
  jobsRunningMax: number;

  @Setting({ doc: 'Most jobs whose rows are checked at once.', default: 2 })
  @IsInt()
  @Min(1)
  @Max(100)
  jobsValidatingMax: number;

  @Setting({ doc: 'Failed attempts after which a job fails for good.', default: 3 })
  @IsInt()
  @Min(1)
  @Max(100)
  attemptsMax: number;

  @Setting({ doc: 'Pause before the second attempt, in seconds; doubles with each one.', default: 2 })
  @IsNumber()
  @Min(0)
  attemptBackoffSeconds: number;

  @Setting({ doc: 'Longest pause between attempts, in seconds.', default: 60 })
  @IsNumber()
  @Min(0)
  attemptBackoffSecondsMax: number;

  @Setting({
    doc: 'How long a process holds a job without a sign of life, in seconds; then another one takes it over.',
    default: 10,
  })
  @IsInt()
  @Min(1)
  @Max(3600)
  leaseSeconds: number;

  @Setting({
    doc: 'Pause between two looks at the queue and at running trainers, in milliseconds; eight times that, at most 2 s, after eight looks at nothing.',
    default: 250,
  })
  @IsInt()
  @Min(10)
  @Max(60_000)
  pollMilliseconds: number;

  @Setting({ doc: 'Shortest pause between two progress events of a job, in milliseconds.', default: 1000 })
  @IsInt()
  @Min(0)
  @Max(600_000)
  progressMilliseconds: number;

  @Setting({ doc: 'Memory that a built-in trainer may use for its JavaScript heap, in MiB.', default: 1024 })
  @IsInt()
  @Min(64)
  trainerMemoryMegabytes: number;

  @Setting({ doc: 'Nice level of trainer processes: higher leaves more of the processor to serving.', default: 5 })
  @IsInt()
  @Min(0)
  @Max(19)
  trainerNiceness: number;

  @Setting({ doc: 'Time that a trainer gets to write a checkpoint after it was told to stop, in seconds.', default: 10 })
  @IsInt()
  @Min(1)
  @Max(600)
  trainerStopSeconds: number;

  @Setting({
    doc: 'Commands of other trainers as JSON, such as {"my-trainer": ["python3", "train.py"]}; empty = the built-in ones.',
    default: '',
  })
  @ValidateIf((settings: TrainingSettings) => settings.trainerCommands !== '')
  @IsJSON()
  trainerCommands: string;

  @Setting({ doc: 'Most faulty rows that are listed when a job is refused; all are counted.', default: 20 })
  @IsInt()
  @Min(1)
  @Max(1000)
  rowFaultsListedMax: number;

  @Setting({ doc: 'Most rows of one input.', default: 5_000_000 })
  @IsInt()
  @Min(1)
  rowsMax: number;

  @Setting({ doc: 'Deadline of calls to ingestion and registry, in milliseconds.', default: 10_000 })
  @IsInt()
  @Min(100)
  @Max(600_000)
  peerDeadlineMilliseconds: number;

  @Setting({
    doc: 'How long a pipeline run waits for the registry to know its evidence before it fails, in seconds.',
    default: 120,
  })
  @IsInt()
  @Min(1)
  evidenceWaitSeconds: number;
}
