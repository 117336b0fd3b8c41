// SPDX-License-Identifier: Apache-2.0
import { Manifests } from './manifests';
import { settingFaults } from './reality';

const gateway = { 'app.kubernetes.io/name': 'gateway' };
const registry = { 'app.kubernetes.io/name': 'registry' };

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
});
