// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PRIVATE_NETS } from '#libs/http';
import { processNames, serviceNames, type ProcessName } from '../local/processes';
import { toCamel } from '../scripts/names';
import type { Endpoint, Manifests } from './manifests';

const SERVICES: readonly string[] = serviceNames;
const PROCESSES: readonly string[] = processNames;
const NOBODY: readonly string[] = [];
const ELSEWHERE = { 'kubernetes.io/metadata.name': 'elsewhere' };

/** Backing services by their label millrace.dev/backing, a port of theirs, and who may ask them. */
const BACKINGS: [kind: string, port: number, askers: readonly string[]][] = [
  ['postgres', 5432, [...SERVICES, 'migrate']],
  ['kafka', 9092, [...SERVICES, 'topics']],
  ['storage', 9000, PROCESSES],
  ['traces', 4318, PROCESSES],
  ['models', 8000, ['gateway']],
  ['identity', 8443, SERVICES],
];
/** Those that prod has outside of the cluster, each with a policy `outside-<kind>`. */
const OUTSIDE = ['postgres', 'kafka', 'storage', 'models', 'identity'];

export type Question = [asking: ProcessName, answering: ProcessName];

/** Our pods against one other end. */
interface Edge {
  what: string;
  other: Endpoint;
  port: number | string;
  protocol?: 'TCP' | 'UDP';
  /** Names of those of our pods that are one end of it; no other may be. */
  open: readonly string[];
}

/** Every edge that is needed is open, and no other. */
export function networkFaults(manifests: Manifests, questions: readonly Question[]): string[] {
  return [
    ...questionFaults(manifests, questions),
    ...egress().flatMap((edge) => edgeFaults(manifests, edge, 'to')),
    ...ingress().flatMap((edge) => edgeFaults(manifests, edge, 'from')),
    ...webhookFaults(manifests),
  ];
}

/** Backing services outside of the cluster are open to those who may ask them inside. */
export function outsideFaults(manifests: Manifests): string[] {
  return OUTSIDE.flatMap((kind) => {
    const [, , open] = BACKINGS.find(([name]) => name === kind)!;
    const rules = manifests.of('NetworkPolicy').find(({ metadata }) => metadata.name === `outside-${kind}`)?.spec?.egress ?? [];
    const edges = rules.flatMap(({ to = [], ports = [] }) =>
      to.flatMap(({ ipBlock }) =>
        ports.map(({ port }): Edge => ({ what: `${kind} outside`, other: { address: ipBlock!.cidr.split('/')[0] }, port, open })),
      ),
    );
    return edges.length === 0
      ? [`network: there is no policy outside-${kind} with an address and a port`]
      : edges.flatMap((edge) => edgeFaults(manifests, edge, 'to'));
  });
}

function egress(): Edge[] {
  const pods = BACKINGS.flatMap(([kind, port, open]): Edge[] => {
    const labels = { 'millrace.dev/backing': kind, 'app.kubernetes.io/name': kind };
    return [
      { what: kind, other: { labels }, port, open },
      { what: `${kind} of another namespace`, other: { labels, namespace: ELSEWHERE }, port, open },
    ];
  });
  const everyPod = [...PROCESSES, 'migrate', 'topics'];
  const kubeDns = { labels: { 'k8s-app': 'kube-dns' }, namespace: { 'kubernetes.io/metadata.name': 'kube-system' } };
  const names = [kubeDns, { address: '169.254.20.10' }].flatMap((other) =>
    (['UDP', 'TCP'] as const).map((protocol): Edge => ({
      what: `names by ${protocol}`,
      other,
      port: 53,
      protocol,
      open: everyPod,
    })),
  );
  const addresses = [80, 443].flatMap((port): Edge[] => [
    { what: 'the internet', other: { address: '8.8.8.8' }, port, open: ['monitoring'] },
    { what: 'a private address', other: { address: '10.1.2.3' }, port, open: NOBODY },
    { what: "the cloud's own address", other: { address: '169.254.169.254' }, port, open: NOBODY },
    { what: 'a stranger', other: { labels: {}, namespace: ELSEWHERE }, port, open: NOBODY },
  ]);
  return [...pods, ...names, ...addresses];
}

function ingress(): Edge[] {
  const from = (what: string, namespace: Record<string, string>, http: readonly string[], grpc: readonly string[]): Edge[] => [
    { what, other: { labels: {}, namespace }, port: 'http', open: http },
    { what, other: { labels: {}, namespace }, port: 'grpc', open: grpc },
  ];
  return [
    ...from('Prometheus', { 'millrace.dev/metrics': 'true' }, PROCESSES, NOBODY),
    ...from('a caller', { 'millrace.dev/callers': 'true' }, SERVICES, SERVICES),
    ...from('a stranger', ELSEWHERE, NOBODY, NOBODY),
  ];
}

function edgeFaults(manifests: Manifests, { what, other, port, protocol, open }: Edge, direction: 'from' | 'to'): string[] {
  return [...manifests.of('Deployment'), ...manifests.of('Job')].flatMap(({ metadata: { name }, spec }) => {
    const pod = { labels: spec!.template!.metadata.labels };
    const [from, to] = direction === 'to' ? [pod, other] : [other, pod];
    const allowed = manifests.allows(from, to, port, protocol);
    if (allowed === open.includes(name)) return [];
    return [`network: ${name} ${direction} ${what}, port ${port}, is ${allowed ? 'open and not needed' : 'needed and closed'}`];
  });
}

/** Every question between processes is let through, and no other. */
function questionFaults(manifests: Manifests, questions: readonly Question[]): string[] {
  const pod = (name: string): Endpoint => ({ labels: manifests.find('Deployment', name).spec!.template!.metadata.labels });
  return processNames.flatMap((to) => {
    const open = questions.flatMap(([asking, answering]) => (answering === to ? [asking] : []));
    return edgeFaults(manifests, { what: to, other: pod(to), port: to === 'runtime' ? 'http' : 'grpc', open }, 'to');
  });
}

/** Who asks whom: read from the compiled code, where a client is made from a peer's address. */
export function questionsOf(root: string): Question[] {
  const found: Question[] = [['gateway', 'runtime']];
  for (const service of serviceNames) {
    const folder = join(root, 'dist/services', service, 'src');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
    const code = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
    for (const peer of serviceNames) {
      if (code.includes(`settings.${toCamel(peer)}Grpc`)) found.push([service, peer]);
    }
  }
  return found;
}

/** What the process refuses as not public, the policy refuses too. */
function webhookFaults(manifests: Manifests): string[] {
  const rules = manifests.find('NetworkPolicy', 'webhooks').spec?.egress ?? [];
  const refused = rules.flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => ipBlock?.except ?? []));
  const expected = PRIVATE_NETS.map(([net, prefix]) => `${net}/${prefix}`);
  return [
    ...expected.filter((cidr) => !refused.includes(cidr)).map((cidr) => `network: webhooks may reach ${cidr}`),
    ...refused
      .filter((cidr) => !expected.includes(cidr))
      .map((cidr) => `network: webhooks may not reach ${cidr}, which is public`),
  ];
}
