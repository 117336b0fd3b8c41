// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import { invalidFields } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { databaseTime } from '../database-time';
import { MonitoringErrors } from '../monitoring.errors';
import type { DriftRow } from './drift-detection';
import { parseMonitorConfig, type Monitor, type MonitorKind } from './monitor';
import { MonitorsRepository } from './monitors.repository';

export interface CreateMonitorInput {
  workspace: string;
  name: string;
  kind: MonitorKind;
  endpoint: string;
  modelName: string;
  metric: string;
  config: Record<string, unknown>;
  /** Reference of a drift monitor, such as the champion's held-out rows; empty = the first requests become it. */
  referenceRows: { input: string; answer: string }[];
  requestId: string;
}

const REFERENCE_ROWS_MIN = 50;
const REFERENCE_ROWS_MAX = 5000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

@Injectable()
export class CreateMonitor {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly monitors: MonitorsRepository,
    private readonly ids: Ids,
  ) {}

  async execute(input: CreateMonitorInput): Promise<Monitor> {
    check(input);
    const config = parseMonitorConfig(input.config);
    const { workspace, requestId, ...request } = input;
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'CreateMonitor', requestId, request }, async () => {
        const now = await databaseTime(tx);
        const given = input.referenceRows.length > 0;
        const monitor: Monitor = {
          workspace,
          id: this.ids.next(),
          name: input.name,
          kind: input.kind,
          endpoint: input.endpoint,
          modelName: input.modelName,
          metric: input.kind === 'quality' ? input.metric || 'correct' : '',
          config,
          state: 'unknown',
          stateReason: 'not evaluated yet',
          stateTime: now,
          baseline: given ? { referenceCount: input.referenceRows.length, referenceSource: 'given' } : {},
          lastEvaluation: {},
          observeFrom: now,
          evaluateTime: now,
          version: 1,
          createTime: now,
          updateTime: now,
        };
        await this.monitors.insert(tx, monitor);
        const rows = input.referenceRows.map((row, index): DriftRow => ({ id: `reference-${index + 1}`, ...row }));
        if (given) await this.monitors.putReferenceRows(tx, monitor, rows);
        return monitor;
      }),
    );
  }
}

function check(input: CreateMonitorInput): void {
  if (!NAME.test(input.name))
    throw invalidFields({ field: 'name', message: 'must be letters, digits, ".", "_" or "-", at most 100' });
  if (input.endpoint === '') throw invalidFields({ field: 'endpoint', message: 'is missing' });
  if (input.modelName === '') throw invalidFields({ field: 'modelName', message: 'is missing' });
  const rows = input.referenceRows.length;
  if (rows > 0 && input.kind !== 'drift') throw invalidFields({ field: 'referenceRows', message: 'belong to a drift monitor' });
  if (rows > REFERENCE_ROWS_MAX) throw invalidFields({ field: 'referenceRows', message: `at most ${REFERENCE_ROWS_MAX} rows` });
  if (rows > 0 && rows < REFERENCE_ROWS_MIN) {
    throw MonitoringErrors.REFERENCE_TOO_SMALL(`referenceRows: ${rows} given, at least ${REFERENCE_ROWS_MIN} are needed`, {
      rows,
    });
  }
}
