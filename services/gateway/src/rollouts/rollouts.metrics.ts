// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';
import { Database } from '#libs/persistence';

/** A rollout that nobody judges shows here. */
@Injectable()
export class RolloutsMetrics {
  constructor(metrics: Metrics, database: Database) {
    metrics.gauge({
      name: 'rollout_oldest_running_seconds',
      help: 'Age of the oldest rollout that is still running, over all workspaces; 0 when none runs.',
      collect: async (gauge) => {
        const [row] = await database.query<{ seconds: string | null }>(
          "select extract(epoch from now() - min(start_time)) as seconds from rollouts where state = 'running'",
        );
        gauge.set(Math.max(0, Number(row?.seconds ?? 0)));
      },
    });
  }
}
