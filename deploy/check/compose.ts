// SPDX-License-Identifier: Apache-2.0
import { processNames } from '../local/processes';
import { settingFaults } from './reality';
import type { ComposeProject } from './tools';

type ComposeService = ComposeProject['services'][string];

/** Every process is there, with settings that it knows and takes; what is written to be kept lies in a volume. */
export function composeFaults({ services }: ComposeProject): string[] {
  const processes = processNames.flatMap((name) => {
    const service = services[name];
    if (!service) return [`docker-compose.yml has no service ${name}`];
    const wrong = service.command?.[0] === name ? [] : [`docker-compose.yml: ${name} runs ${String(service.command?.[0])}`];
    return [...wrong, ...settingFaults(name, environmentOf(service)).map((fault) => `docker-compose.yml: ${fault}`)];
  });
  return [...processes, ...Object.entries(services).flatMap(([name, service]) => volumeFaults(name, service))];
}

/** Value of an argument; the second one is what the image's own arguments say, which a command of ours takes the place of. */
type Argument = (name: string, ofImage: string) => string;

/** Folders that the program of an image writes to, as its variables and arguments say, or where it writes when nobody says. */
const WRITTEN_BY: Record<string, (env: Record<string, string>, argument: Argument) => string[]> = {
  'millrace:local': ({ WORK_DIR: work, STORAGE_URL: storage = '' }) => [
    ...(work === undefined ? [] : [work]),
    ...(storage.startsWith('file://') ? [new URL(storage).pathname] : []),
  ],
  'postgres:17': ({ PGDATA = '/var/lib/postgresql/data' }) => [PGDATA],
  'apache/kafka:4': ({ KAFKA_LOG_DIRS = '/tmp/kafka-logs' }) => KAFKA_LOG_DIRS.split(','),
  'prom/prometheus:v3': (_env, argument) => [argument('--storage.tsdb.path', '/prometheus')],
  'prom/alertmanager:v0': (_env, argument) => [argument('--storage.path', '/alertmanager')],
  'grafana/grafana:12': ({ GF_PATHS_DATA = '/var/lib/grafana' }) => [GF_PATHS_DATA],
};

/** Named volumes that nothing is written to: what should be kept in them is gone with the container. */
function volumeFaults(name: string, service: ComposeService): string[] {
  const targets = (service.volumes ?? []).filter(({ type }) => type === 'volume').map(({ target }) => target);
  if (targets.length === 0) return [];
  const image = Object.keys(WRITTEN_BY).find((known) => service.image === known || service.image?.startsWith(`${known}.`));
  if (image === undefined) return [`docker-compose.yml: ${name}: the check does not know where ${service.image} keeps its data`];
  const { command } = service;
  const argument: Argument = (option, ofImage) =>
    command?.find((word) => word.startsWith(`${option}=`))?.slice(option.length + 1) ?? (command ? 'data' : ofImage);
  const folders = WRITTEN_BY[image](environmentOf(service), argument);
  return targets
    .filter((target) => !folders.some((folder) => folder === target || folder.startsWith(`${target}/`)))
    .map((target) => `docker-compose.yml: ${name} keeps its data in ${folders.join()}, not in its volume ${target}`);
}

function environmentOf({ environment }: ComposeService): Record<string, string> {
  return Object.fromEntries(Object.entries(environment ?? {}).map(([key, value]) => [key, String(value ?? '')]));
}
