// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { composeFaults } from './compose';
import type { ComposeProject } from './tools';

type Written = Record<string, Omit<ComposeProject['services'][string], 'volumes'> & { volumes?: string[] }>;

/** docker-compose.yml with its short form of volumes written out, as Docker reads it; `edit` changes its text first. */
function project(edit: (text: string) => string = (text) => text): ComposeProject {
  const text = edit(readFileSync(join(__dirname, '../../docker-compose.yml'), 'utf8'));
  const { services } = parse(text.replaceAll(/\$\{AUTH_SIGNING_KEY:[^}]*\}/g, 'k'.repeat(48)), { merge: true }) as {
    services: Written;
  };
  const entries = Object.entries(services).map(([name, service]) => {
    const volumes = service.volumes?.map((volume) => {
      const [source, target] = volume.split(':');
      return { type: source.startsWith('.') ? 'bind' : 'volume', source, target };
    });
    return [name, { ...service, volumes }] as const;
  });
  return { services: Object.fromEntries(entries) };
}

describe('docker-compose.yml, as deploy:check sees it', () => {
  it('has no fault', () => {
    expect(composeFaults(project())).toEqual([]);
  });

  it.each([
    [/ +KAFKA_LOG_DIRS: .*\n/, '', 'kafka keeps its data in /tmp/kafka-logs, not in its volume /var/lib/kafka/data'],
    [
      'POSTGRES_PASSWORD: postgres }',
      'POSTGRES_PASSWORD: postgres, PGDATA: /data }',
      'postgres keeps its data in /data, not in its volume /var/lib/postgresql/data',
    ],
    ["'prometheus:/prometheus'", "'prometheus:/data'", 'prometheus keeps its data in /prometheus, not in its volume /data'],
    [", '--storage.path=/alertmanager'", '', 'alertmanager keeps its data in data, not in its volume /alertmanager'],
    [
      'grafana:/var/lib/grafana\n',
      'grafana:/grafana\n',
      'grafana keeps its data in /var/lib/grafana, not in its volume /grafana',
    ],
    ["'training:/work'", "'training:/scratch'", 'training keeps its data in /work,/blobs, not in its volume /scratch'],
    ['image: postgres:17', 'image: postgres:18', 'postgres: the check does not know where postgres:18 keeps its data'],
  ])('sees %s become %j', (before, after, fault) => {
    expect(composeFaults(project((text) => text.replace(before, after)))).toEqual([`docker-compose.yml: ${fault}`]);
  });
});
