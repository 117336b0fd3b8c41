// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceName } from '../../../deploy/local/processes';
import type { FaultLab } from '../support/fault-lab';

/** One fault that heals itself: it returns when everything runs again. Says what it did. */
export type RandomFault = (lab: FaultLab, random: () => number) => Promise<string>;

function draw<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)];
}

function drawService(lab: FaultLab, random: () => number): ServiceName {
  return draw(
    lab.services.filter((name): name is ServiceName => name !== 'runtime'),
    random,
  );
}

/** The first replica of each service lives through all of them: its memory is what is measured. The second one is killed. */
export const randomFaults: readonly RandomFault[] = [
  async (lab, random) => {
    const service = draw(['ingestion', 'monitoring', 'registry'] as const, random);
    const extra = await lab.startReplica(service);
    extra.kill('SIGKILL');
    await extra.ended;
    lab.forget(extra);
    return `a second ${service} started and killed`;
  },
  async (lab, random) => {
    const service = drawService(lab, random);
    lab.replicas(service)[0].kill('SIGSTOP');
    await delay(3_000);
    lab.replicas(service)[0].kill('SIGCONT');
    return `${service} frozen for 3 s`;
  },
  async (lab, random) => {
    const service = drawService(lab, random);
    const rows = await lab.postgres.sql(
      service,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    return `${rows.length} connections of ${service} ended`;
  },
  async (lab) => {
    await lab.kafka.restart();
    return 'Kafka killed and started';
  },
  async (lab) => {
    lab.kafka.signal('SIGSTOP');
    await delay(3_000);
    lab.kafka.signal('SIGCONT');
    return 'Kafka frozen for 3 s';
  },
  async (lab) => {
    await lab.postgres.stop('immediate');
    await lab.postgres.start();
    return 'Postgres crashed and started';
  },
];
