// SPDX-License-Identifier: Apache-2.0
import type { ServiceName } from '../../../deploy/local/processes';
import type { FaultLab } from '../support/fault-lab';
import type { Sample } from './slope';

/** What is watched, with the largest growth per hour that counts as flat. Tables grow with the traffic: their size is only told. */
export const bounds: Readonly<Record<string, number>> = {
  heapMegabytes: 40,
  rssMegabytes: 120,
  handles: 30,
  timers: 30,
  connections: 10,
  deadLetters: 0.5,
};

/** Samples by 'service measure'. */
export class Series {
  readonly samples = new Map<string, Sample[]>();

  add(service: string, measure: string, sample: Sample): void {
    const name = `${service} ${measure}`;
    this.samples.set(name, [...(this.samples.get(name) ?? []), sample]);
  }
}

/** One look at everything: process figures from /metrics, connections and rows from Postgres. A process that is away is left out. */
export async function samplePlatform(lab: FaultLab, series: Series, at: number): Promise<void> {
  await Promise.all(
    lab.services.map(async (service) => {
      const text = await fetch(`${lab.http(service)}/metrics`, { signal: AbortSignal.timeout(5_000) }).then(
        (response) => response.text(),
        () => '', // frozen or cut off at this moment
      );
      const add = (measure: string, value: number | undefined): void => {
        if (value !== undefined) series.add(service, measure, { at, value });
      };
      add('heapMegabytes', scale(metric(text, /nodejs_heap_size_used_bytes$/), 1e-6));
      add('rssMegabytes', scale(metric(text, /process_resident_memory_bytes$/), 1e-6));
      add('handles', metric(text, /nodejs_active_handles_total$/));
      add('timers', metric(text, /nodejs_active_resources\{.*type="Timeout"/));
    }),
  );
  await sampleDatabases(lab, series, at);
}

async function sampleDatabases(lab: FaultLab, series: Series, at: number): Promise<void> {
  for (const service of lab.services.filter((name): name is ServiceName => name !== 'runtime')) {
    try {
      const [row] = await lab.postgres.sql<{ connections: number; letters: number; megabytes: number }>(
        service,
        `select (select count(*)::int from pg_stat_activity where datname = current_database() and application_name like 'millrace-%'
                   and application_name <> 'millrace-fault-lab') as connections,
                (select count(*)::int from dead_letters) as letters,
                (select coalesce(sum(pg_total_relation_size(relid)), 0)::float8 / 1e6 from pg_stat_user_tables) as megabytes`,
      );
      series.add(service, 'connections', { at, value: row.connections });
      series.add(service, 'deadLetters', { at, value: row.letters });
      series.add(service, 'tableMegabytes', { at, value: row.megabytes });
    } catch (error) {
      // Postgres is one of the things that are taken away meanwhile; then there is nothing to count.
      if (!isAway(error)) throw error;
    }
  }
}

/** Refused, cut off (class 08), or a server that stops, starts or recovers (57P01 to 57P03). */
function isAway(error: unknown): boolean {
  const { code = '', message } = error as Error & { code?: string };
  return /^(ECONN|08|57P0[123])/.test(code) || /^(Connection terminated|Query read timeout|timeout expired)/.test(message);
}

/** Value of the first metric whose name and labels match. */
function metric(text: string, name: RegExp): number | undefined {
  for (const line of text.split('\n')) {
    const [key, value] = line.split(' ');
    if (!line.startsWith('#') && name.test(key)) return Number(value);
  }
  return undefined;
}

function scale(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
