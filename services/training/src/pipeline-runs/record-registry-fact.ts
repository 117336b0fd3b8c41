// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import type { RunFacts } from './pipeline-run';
import { PipelineRunDriver } from './pipeline-run-driver';
import { PipelineRunsRepository } from './pipeline-runs.repository';

/** Keeps what the registry said about a run; the driver decides what follows. Facts may come in any order and more than once. */
@Injectable()
export class RecordRegistryFact {
  constructor(
    private readonly runs: PipelineRunsRepository,
    private readonly driver: PipelineRunDriver,
  ) {}

  /** Facts about no run, or one that is unknown or has ended, are not ours. */
  async execute(tx: Transaction, workspace: string, pipelineRunId: string, facts: RunFacts): Promise<void> {
    if (pipelineRunId === '') return;
    if (await this.runs.addFacts(tx, { workspace, id: pipelineRunId }, facts)) tx.afterCommit(() => this.driver.wake());
  }

  /** An alias event names no run: it belongs to those whose model version it points to. */
  async aliasMoved(
    tx: Transaction,
    workspace: string,
    move: { modelName: string; alias: string; toVersion: number; actor: string; reason: string },
  ): Promise<void> {
    const version = { modelName: move.modelName, alias: move.alias, modelVersion: move.toVersion };
    for (const key of await this.runs.findByVersion(tx, workspace, version)) {
      await this.execute(tx, workspace, key.id, { aliasMoved: { by: move.actor, reason: move.reason } });
    }
  }
}
