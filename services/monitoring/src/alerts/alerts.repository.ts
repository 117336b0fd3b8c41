// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';

export interface Alert {
  workspace: string;
  id: string;
  monitorId: string;
  kind: string;
  severity: string;
  modelName: string;
  endpoint: string;
  state: 'firing' | 'resolved';
  direction: string;
  effect: number;
  pValue: number;
  summary: string;
  details: Record<string, unknown>;
  sampleInferenceIds: string[];
  startTime: Date;
  endTime: Date | null;
  resolveReason: string;
}

export abstract class AlertsRepository {
  /** False when the monitor has a firing alert already. */
  abstract insertFiring(db: Queryable, alert: Alert): Promise<boolean>;
  abstract resolve(
    db: Queryable,
    key: { workspace: string; monitorId: string },
    end: { time: Date; reason: string },
  ): Promise<Alert | undefined>;
  abstract find(db: Queryable, workspace: string, id: string): Promise<Alert | undefined>;
  abstract list(
    db: Queryable,
    filter: { workspace: string; state?: string; modelName?: string },
    page: { before?: string; size: number },
  ): Promise<Alert[]>;
  abstract firingOfModel(db: Queryable, workspace: string, modelName: string): Promise<Alert[]>;
}
