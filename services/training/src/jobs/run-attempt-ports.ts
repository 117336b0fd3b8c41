// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Logger } from '#libs/observability';
import { UnitOfWork } from '#libs/persistence';
import { Executor } from '../executors/executor';
import { JobRecorder } from './job-recorder';
import { JobsRepository } from './jobs.repository';
import { WorkFiles } from './work-files';

/** What the attempt runner needs from outside, in one place. */
@Injectable()
export class RunAttemptPorts {
  constructor(
    readonly executor: Executor,
    readonly jobs: JobsRepository,
    readonly recorder: JobRecorder,
    readonly unitOfWork: UnitOfWork,
    readonly clock: Clock,
    readonly logger: Logger,
    readonly files: WorkFiles,
  ) {}
}
