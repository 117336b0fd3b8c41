// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { UnitOfWork } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { HISTORIES, HistoryRepository, type History } from './history.repository';

const ROWS_PER_PASS = 2000;
const EVERY_MS = 600_000;

/**
 * Deletes what is past its time, a small batch of each table in a transaction of its own: with every pass until nothing is left, then
 * every ten minutes. What a crash breaks off is for the next pass.
 */
@Injectable()
export class PruneHistory {
  private readonly lastDoneMs = new Map<History, number>();

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly history: HistoryRepository,
    private readonly settings: MonitoringSettings,
    private readonly clock: Clock,
  ) {}

  async execute(): Promise<void> {
    for (const history of HISTORIES) if (this.isDue(history)) await this.prune(history);
  }

  private isDue(history: History): boolean {
    return this.clock.monotonicMs() - (this.lastDoneMs.get(history) ?? -Infinity) >= EVERY_MS;
  }

  private async prune(history: History): Promise<void> {
    const past = { retentionDays: this.settings.retentionDays, rowsMax: ROWS_PER_PASS };
    const gone = await this.unitOfWork.run((tx) => this.history.prune(tx, history, past), { label: `prune ${history}` });
    if (gone < ROWS_PER_PASS) this.lastDoneMs.set(history, this.clock.monotonicMs());
  }
}
