// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import { DueWorkRepository } from './due-work.repository';

/** Which tasks of the loop have something to do: those with rows that are due, and those that pace themselves. */
@Injectable()
export class FindDueWork {
  constructor(
    private readonly dueWork: DueWorkRepository,
    private readonly db: Database,
  ) {}

  async execute(): Promise<Set<string>> {
    return (await this.dueWork.due(this.db)).add('propose-retraining').add('prune-history');
  }
}
