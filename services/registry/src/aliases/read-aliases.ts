// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import type { AliasInterval, AliasPolicy } from './alias';
import { AliasesRepository } from './aliases.repository';

/** Reads the history and the policies of aliases; both are empty for what does not exist. */
@Injectable()
export class ReadAliases {
  constructor(
    private readonly db: Database,
    private readonly aliases: AliasesRepository,
  ) {}

  /** Intervals, newest first, at most 1,000; with `at` the one that held then. */
  history(workspace: string, query: { modelName: string; alias: string; at?: Date }): Promise<AliasInterval[]> {
    return this.aliases.history(this.db, workspace, query);
  }

  policies(workspace: string, modelName: string): Promise<AliasPolicy[]> {
    return this.aliases.policies(this.db, workspace, modelName);
  }
}
