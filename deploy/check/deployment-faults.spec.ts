// SPDX-License-Identifier: Apache-2.0
import { Manifests } from './manifests';
import { settingFaults, workDirFaults } from './reality';

const gateway = { labels: { 'app.kubernetes.io/name': 'gateway' } };
const registry = { labels: { 'app.kubernetes.io/name': 'registry' } };

function policy(type: 'Egress' | 'Ingress', own: string, rules: string): string {
  const spec = `{ podSelector: { matchLabels: { app.kubernetes.io/name: ${own} } }, policyTypes: [${type}], ${rules} }`;
  return `{ kind: NetworkPolicy, metadata: { name: p }, spec: ${spec} }\n---\n`;
}
const peer = (name: string): string => `[{ podSelector: { matchLabels: { app.kubernetes.io/name: ${name} } } }]`;

describe('what deploy:check finds', () => {
  it('a variable that is no setting of the process, and a value that it would refuse', () => {
    const env = { DATABASE_URL: 'secret:a/b', REGISTRY_GRPC: 'dns:///registry-grpc:7204', RUNTIME_URL: 'http://runtime:7120' };
    expect(settingFaults('gateway', env)).toEqual([]);
    expect(settingFaults('registry', env)).toEqual(['registry: RUNTIME_URL is no setting of it']);
    expect(settingFaults('gateway', { ...env, REGISTRY_GRPC: 'registry' }).join()).toMatch(/REGISTRY_GRPC/);
    expect(settingFaults('runtime', { KAFKA_BROKERS: 'kafka:9092' })).toEqual(['runtime: KAFKA_BROKERS is no setting of it']);
  });

  it('a work folder that cannot be written, or that ends with its pod while the process counts on it', () => {
    const pod = (volume: object) => ({
      containers: [{ name: 'service', image: 'millrace', volumeMounts: [{ name: 'work', mountPath: '/work' }] }],
      volumes: [{ name: 'work', ...volume }],
    });
    const told = { WORK_DIR: '/work', WORK_DIR_OUTLIVES_PROCESS: 'false' };
    expect(workDirFaults('gateway', pod({ emptyDir: {} }), { WORK_DIR: '/work' })).toEqual([
      'gateway: WORK_DIR /work ends with its pod, so WORK_DIR_OUTLIVES_PROCESS must be false',
    ]);
    expect(workDirFaults('gateway', pod({ emptyDir: {} }), told)).toEqual([]);
    expect(workDirFaults('gateway', pod({ persistentVolumeClaim: {} }), { WORK_DIR: '/work' })).toEqual([]);
    expect(workDirFaults('training', pod({ emptyDir: {} }), { WORK_DIR: '/work' })).toEqual([]);
    expect(workDirFaults('gateway', pod({ emptyDir: {} }), { WORK_DIR: '/var/work' })).toEqual([
      'gateway: WORK_DIR /var/work is on the read-only file system',
    ]);
  });

  it('an edge of the network that is closed on either side, or on another port', () => {
    const out = policy('Egress', 'gateway', `egress: [{ to: ${peer('registry')}, ports: [{ port: grpc }] }]`);
    const into = policy('Ingress', 'registry', `ingress: [{ from: ${peer('gateway')}, ports: [{ port: grpc }] }]`);
    const denied = policy('Ingress', 'registry', 'ingress: []');
    expect(new Manifests(out + into).allows(gateway, registry, 'grpc')).toBe(true);
    expect(new Manifests(out + into).allows(gateway, registry, 'http')).toBe(false);
    expect(new Manifests(out + denied).allows(gateway, registry, 'grpc')).toBe(false);
    expect(new Manifests(policy('Egress', 'gateway', 'egress: []') + into).allows(gateway, registry, 'grpc')).toBe(false);
    expect(new Manifests(out + into).allows(registry, gateway, 'grpc')).toBe(true); // nothing is said of that direction
  });

  it('addresses, by their block and its exceptions, and by protocol', () => {
    const rule =
      'egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0, except: [10.0.0.0/8] } }], ports: [{ port: 53, protocol: UDP }] }]';
    const manifests = new Manifests(policy('Egress', 'gateway', rule));
    expect(manifests.allows(gateway, { address: '8.8.8.8' }, 53, 'UDP')).toBe(true);
    expect(manifests.allows(gateway, { address: '8.8.8.8' }, 53, 'TCP')).toBe(false);
    expect(manifests.allows(gateway, { address: '10.0.0.1' }, 53, 'UDP')).toBe(false);
    expect(manifests.allows(gateway, registry, 53, 'UDP')).toBe(false); // a pod is no address outside
  });

  it('a selector that takes in pods of other namespaces only where it names them', () => {
    const { labels } = registry;
    const allows = (namespaces: string, namespace?: Record<string, string>): boolean => {
      const to = `[{ ${namespaces} podSelector: { matchLabels: { app.kubernetes.io/name: registry } } }]`;
      return new Manifests(policy('Egress', 'gateway', `egress: [{ to: ${to} }]`)).allows(gateway, { labels, namespace }, 1);
    };
    expect([allows(''), allows('', { team: 'a' })]).toEqual([true, false]);
    expect([allows('namespaceSelector: {},'), allows('namespaceSelector: {},', { team: 'a' })]).toEqual([true, true]);
    const named = 'namespaceSelector: { matchLabels: { team: a } },';
    expect([allows(named), allows(named, { team: 'a' }), allows(named, { team: 'b' })]).toEqual([false, true, false]);
  });
});
