// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { composeFaults } from '../check/compose';
import { Manifests } from '../check/manifests';
import { deliveryFaults, prometheusFaults } from '../check/observability';
import { deploymentFaults, prodFaults } from '../check/reality';
import { bootFromFiles, RuntimeFiles } from '../check/runtime-files';
import { neededMetrics } from '../check/scaling';
import { Tools } from '../check/tools';
import { processNames, type ProcessName } from '../local/processes';
import { runCli } from './cli';

const usage = `npm run deploy:check -- [--skip-boot]
Checks what operators deploy, without a cluster or a container engine: manifests of every overlay (kustomize, Kubernetes' schemas),
docker-compose.yml and deploy/Dockerfile (the parsers of those who run them), all of it against the code (settings, ports, programs,
edges of the network, autoscalers, disruption budgets), what Prometheus and Grafana are given in a cluster (promtool), and boots every
service from the files that the image would hold, with the commands of operators. Needs go, python3 and promtool; the boot also a JDK
17 and Maven, for Kafka.`;

const OVERLAYS = ['dev', 'prod'];
const COMPOSE_ENVIRONMENT = { AUTH_SIGNING_KEY: 'k'.repeat(48) };

async function check(argv: string[]): Promise<void> {
  const { values } = parseArgs({ args: argv, options: { 'skip-boot': { type: 'boolean', default: false } } });
  const root = resolve('.');
  const startedAt = Date.now();
  const say = (line: string): void =>
    void process.stdout.write(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  const tools = await Tools.prepare(root);
  say('parsers and schemas are there');
  const faults: string[] = [];
  let prod: Manifests | undefined;
  for (const overlay of OVERLAYS) {
    const text = await tools.kustomize(`deploy/kubernetes/overlays/${overlay}`);
    const valid = await tools.checkSchemas(text);
    prod = new Manifests(text);
    const found = [...deploymentFaults(prod, root), ...(overlay === 'prod' ? prodFaults(prod, root) : [])];
    faults.push(...found.map((fault) => `${overlay}: ${fault}`));
    say(`overlay ${overlay}: ${valid.length} manifests fit their schemas`);
  }
  faults.push(...(await observabilityFaults(tools, prod!, root)));
  say('Prometheus and Grafana: rules, dashboards and the scrape job, tried on the pods of prod');
  const compose = await tools.compose('docker-compose.yml', COMPOSE_ENVIRONMENT);
  faults.push(...composeFaults(compose));
  say(`docker-compose.yml: ${Object.keys(compose.services).length} services`);
  say((await tools.dockerfile('deploy/Dockerfile')).trim());
  if (faults.length > 0) throw new Error(faults.join('\n'));
  say('settings, ports, probes, programs, network and autoscalers are those of the code');
  if (!values['skip-boot']) await boot(root, prod!, say);
}

async function observabilityFaults(tools: Tools, pods: Manifests, root: string): Promise<string[]> {
  const text = await tools.kustomize('deploy/kubernetes/observability');
  await tools.checkSchemas(text);
  const manifests = new Manifests(text);
  const found = [...deliveryFaults(manifests, root), ...(await prometheusFaults(manifests, pods))];
  return found.map((fault) => `observability: ${fault}`);
}

async function boot(root: string, manifests: Manifests, say: (line: string) => void): Promise<void> {
  const files = await RuntimeFiles.make(root);
  try {
    say(`runtime files: ${await files.megabytes()} MB without development dependencies and embedded Postgres`);
    const environment = (kind: 'Deployment' | 'Job', name: string): Record<string, string> =>
      manifests.environment(manifests.find(kind, name).spec!.template!.spec.containers[0]);
    const processes = Object.fromEntries(processNames.map((name) => [name, environment('Deployment', name)]));
    const environments = {
      processes: processes as Record<ProcessName, Record<string, string>>,
      jobs: { migrate: environment('Job', 'migrate'), topics: environment('Job', 'topics') },
    };
    for (const line of await bootFromFiles(files, environments, neededMetrics(manifests))) say(line);
  } finally {
    files.remove();
  }
}

void runCli(usage, check);
