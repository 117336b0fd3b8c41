// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { UnitOfWork } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { InferencesRepository } from './inferences.repository';

const ROWS_PER_PASS = 2000;
const EVERY_MS = 600_000;

/** Deletes inferences that are past their time, in small batches: every ten minutes until nothing is left to delete. */
@Injectable()
export class PruneInferences {
  private lastDoneMs = -Infinity;

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly inferences: InferencesRepository,
    private readonly settings: MonitoringSettings,
    private readonly clock: Clock,
  ) {}

  async execute(): Promise<number> {
    if (this.clock.monotonicMs() - this.lastDoneMs < EVERY_MS) return 0;
    const before = new Date(this.clock.now().getTime() - this.settings.retentionDays * 86_400_000);
    const gone = await this.unitOfWork.run((tx) => this.inferences.prune(tx, before, ROWS_PER_PASS), { label: 'prune' });
    if (gone < ROWS_PER_PASS) this.lastDoneMs = this.clock.monotonicMs();
    return gone;
  }
}
