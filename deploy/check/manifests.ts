// SPDX-License-Identifier: Apache-2.0
import { BlockList } from 'node:net';
import { parseAllDocuments } from 'yaml';

interface KeyRef {
  name: string;
  key: string;
}

export interface Container {
  name: string;
  image: string;
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef?: KeyRef; configMapKeyRef?: KeyRef } }[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string; optional?: boolean } }[];
  ports?: { name: string; containerPort: number }[];
  securityContext?: {
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    capabilities?: { drop?: string[] };
  };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop?: { sleep?: { seconds: number } } };
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  volumeMounts?: { name: string; mountPath: string }[];
}

interface Probe {
  httpGet?: { path: string; port: string };
}

export interface PodSpec {
  containers: Container[];
  automountServiceAccountToken?: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext?: { runAsNonRoot?: boolean; seccompProfile?: { type: string } };
  volumes?: { name: string; emptyDir?: object }[];
}

/** A manifest, as far as the checks look at it. */
export interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  spec?: {
    template?: { metadata: { labels: Record<string, string>; annotations?: Record<string, string> }; spec: PodSpec };
    ports?: { name: string; port: number; targetPort?: string | number }[];
    /** Of a Service: labels; of a PodDisruptionBudget: a selector. */
    selector?: Record<string, string> | Selector;
    maxUnavailable?: number | string;
    clusterIP?: string;
    scaleTargetRef?: { kind: string; name: string };
    minReplicas?: number;
    maxReplicas?: number;
    metrics?: {
      type: string;
      resource?: { name: string };
      external?: { metric: { name: string; selector: { matchLabels: { consumer: string } } } };
    }[];
    podSelector?: Selector;
    policyTypes?: string[];
    egress?: Rule[];
    ingress?: Rule[];
  };
}

export interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values: string[] }[];
}

interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string; except?: string[] };
}

/** One end of a connection: a pod of this namespace, of another one, or an address that is no pod. */
export type Endpoint = { labels: Record<string, string>; namespace?: Record<string, string> } | { address: string };

export interface Rule {
  from?: Peer[];
  to?: Peer[];
  ports?: { protocol?: string; port: number | string }[];
}

/** The manifests of one overlay. */
export class Manifests {
  readonly all: Manifest[];

  constructor(text: string) {
    this.all = parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? []); // an empty document is none
  }

  of(kind: string): Manifest[] {
    return this.all.filter((each) => each.kind === kind);
  }

  find(kind: string, name: string): Manifest {
    const found = this.of(kind).find((each) => each.metadata.name === name);
    if (!found) throw new Error(`there is no ${kind} ${name}`);
    return found;
  }

  /** Variables of a container; a secret that the manifests do not hold stands as `secret:<name>/<key>`. */
  environment(container: Container): Record<string, string> {
    const env: Record<string, string> = {};
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      if (configMapRef) Object.assign(env, this.find('ConfigMap', configMapRef.name).data);
      if (secretRef?.name.startsWith('millrace-auth'))
        env.AUTH_SIGNING_KEY = `secret:${secretRef.name}/AUTH_SIGNING_KEY (32 bytes)`;
    }
    for (const { name, value, valueFrom } of container.env ?? []) {
      const { configMapKeyRef: config, secretKeyRef: secret } = valueFrom ?? {};
      if (config) env[name] = this.find('ConfigMap', config.name).data?.[config.key] ?? '';
      else env[name] = secret ? `secret:${secret.name}/${secret.key}` : (value ?? '');
    }
    return env;
  }

  /** Whether traffic from one end to a port of another passes every policy on both sides. Outside our namespace nobody has policies. */
  allows(from: Endpoint, to: Endpoint, port: number | string, protocol: 'TCP' | 'UDP' = 'TCP'): boolean {
    const named = ({ ports }: Rule): boolean =>
      !ports || ports.some((each) => each.port === port && (each.protocol ?? 'TCP') === protocol);
    const passes = (direction: 'egress' | 'ingress', own: Endpoint, other: Endpoint): boolean => {
      if ('address' in own || own.namespace) return true;
      const type = direction === 'egress' ? 'Egress' : 'Ingress';
      const policies = this.of('NetworkPolicy').filter(
        ({ spec }) => spec?.policyTypes?.includes(type) && matches(spec.podSelector, own.labels),
      );
      const rules = policies.flatMap(({ spec }) => spec?.[direction] ?? []);
      const open = (rule: Rule): boolean =>
        named(rule) && (rule.from ?? rule.to ?? []).some((peer) => isPeer(peer, other, this.ownNamespace()));
      return policies.length === 0 || rules.some(open);
    };
    return passes('egress', from, to) && passes('ingress', to, from);
  }

  private ownNamespace(): Record<string, string> {
    return this.of('Namespace')[0]?.metadata.labels ?? {};
  }
}

function isPeer(peer: Peer, end: Endpoint, ownNamespace: Record<string, string>): boolean {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if ('address' in end)
    return ipBlock !== undefined && isWithin(end.address, [ipBlock.cidr]) && !isWithin(end.address, ipBlock.except);
  if (ipBlock) return false;
  const inNamespace = namespaceSelector ? matches(namespaceSelector, end.namespace ?? ownNamespace) : !end.namespace;
  return inNamespace && matches(podSelector, end.labels);
}

function isWithin(address: string, cidrs: string[] = []): boolean {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [net, prefix] = cidr.split('/');
    list.addSubnet(net, Number(prefix), 'ipv4');
  }
  return list.check(address, 'ipv4');
}

export function matches(selector: Selector | undefined, labels: Record<string, string>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      if (operator !== 'In') throw new Error(`the check does not know the operator ${operator}`);
      return values.includes(labels[key] ?? '');
    })
  );
}
