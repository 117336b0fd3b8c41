// SPDX-License-Identifier: Apache-2.0
import { serviceNames } from '../../deploy/local/processes';
import { FakeBackend } from '../../services/gateway/test/fake-backend';
import { describeAlerts } from './alerts-once';
import { describeComingsAndGoings } from './comings-and-goings';
import { Fleet } from './fleet';
import { describeGateways } from './gateways-agree';
import { describeJobs } from './jobs-once';
import { KafkaView } from './kafka-view';
import { say, type ScaleContext } from './scale-context';
import { expectShared, groups } from './shares';
import { describeTakeover } from './takeover';

jest.setTimeout(420_000);
const REPLICAS = 3;

describe(`${REPLICAS} replicas of every service on Kafka`, () => {
  let fleet: Fleet;
  let view: KafkaView;
  let backend: FakeBackend;
  const context = (): ScaleContext => ({ fleet, view, backend });

  beforeAll(async () => {
    backend = await FakeBackend.start();
    fleet = await Fleet.open({ RUNTIME_URL: backend.url, BACKEND_ORIGINS: '*', DEPLOYMENT_LEASE_SECONDS: '5' });
    view = await KafkaView.open(fleet.kafka.brokers);
  });
  afterAll(async () => {
    await view?.close();
    await fleet?.close();
    await backend?.close();
  });

  it('wait for the schema and the topics, whoever starts first; racing migrators apply each migration once', async () => {
    const startedAt = performance.now();
    for (const name of serviceNames) for (let each = 0; each < REPLICAS; each += 1) fleet.startReplica(name);
    await Promise.all(fleet.replicas.map((replica) => replica.listens()));
    for (const replica of fleet.replicas) expect(await replica.readiness()).toMatch(/database|schema/);
    const outputs = await Promise.all([1, 2, 3].map(() => fleet.operate('db-migrate')));
    await Promise.all([1, 2, 3].map(() => fleet.operate('topics-apply')));
    for (const service of serviceNames) {
      const applied = outputs.flatMap((output) => appliedBy(output, service));
      const [{ names }] = await fleet.sql<{ names: string[] }>(service, 'select array_agg(name) as names from schema_migrations');
      expect(applied.sort()).toEqual(names.sort());
      expect(new Set(names).size).toBe(names.length);
    }
    await Promise.all(fleet.replicas.map((replica) => replica.ready()));
    say(
      `${fleet.replicas.length} processes ready ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the first start`,
    );
  });

  it('share the partitions of every group, and have one relay leader per service', async () => {
    await expectShared(context(), REPLICAS);
    say(`${groups.size} groups x ${REPLICAS} members: partitions disjoint and complete; 1 relay leader in each of 6 services`);
  });

  describeJobs(context);
  describeGateways(context);
  describeAlerts(context);
  describeComingsAndGoings(context);
  describeTakeover(context);
});

function appliedBy(output: string, service: string): string[] {
  const line = output.split('\n').find((each) => each.startsWith(`${service}: `)) ?? '';
  const list = line.slice(service.length + 2);
  return list === 'up to date' ? [] : list.split(', ');
}
