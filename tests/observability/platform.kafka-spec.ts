// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, readdirSync, rmSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { testSettings } from '#libs/config';
import { KafkaBroker } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { eventually, projectRoot, startKafkaForTests, type TestKafka } from '#libs/testing';
import { Home } from '../../deploy/local/home';
import { processNames } from '../../deploy/local/processes';
import { LaunchedPlatform } from '../support/launched-platform';
import { declaredMetrics, metricsPage, seriesNames, usedNames, type DeclaredMetric } from './metric-names';
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver';
import { freePort, WatchTower } from './prometheus';

jest.setTimeout(300_000);

/** The whole platform on real Kafka, watched by a real Prometheus, Alertmanager and OTLP receiver. */
describe('a platform that is watched', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-watched-'));
  const tower = new WatchTower(folder);
  let kafka: TestKafka;
  let receiver: OtlpReceiver;
  let platform: LaunchedPlatform;

  beforeAll(async () => {
    kafka = await startKafkaForTests();
    receiver = await OtlpReceiver.start(testSettings().millraceOtlpReceiver, await freePort(), join(folder, 'traces.jsonl'));
    platform = await LaunchedPlatform.start(['--broker', 'kafka'], {
      KAFKA_BROKERS: kafka.brokers.join(','),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    });
    await tower.start(processNames.map((name) => platform.http(name).replace('http://', '')));
  }, 240_000);
  afterAll(async () => {
    await tower.stop();
    await platform?.stop();
    await receiver?.stop();
    await kafka?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  const ask = async (url: string, init: RequestInit = {}): Promise<Record<string, unknown>> => {
    const response = await fetch(url, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };

  const pages = async (): Promise<Map<string, DeclaredMetric[]>> => {
    const found = new Map<string, DeclaredMetric[]>();
    for (const name of processNames)
      found.set(name, declaredMetrics(await (await fetch(`${platform.http(name)}/metrics`)).text()));
    return found;
  };

  it('has every metric that rules, dashboards and manifests use, and docs/metrics.md lists them', async () => {
    const declared = await pages();
    const known = seriesNames([...declared.values()].flat());
    const root = projectRoot();
    const files = ['deploy/prometheus/rules', 'deploy/grafana/dashboards', 'deploy/kubernetes'].flatMap((below) =>
      existsSync(join(root, below))
        ? readdirSync(join(root, below), { recursive: true, encoding: 'utf8' })
            .filter((name) => /\.(ya?ml|json)$/.test(name))
            .map((name) => join(below, name))
        : [],
    );
    const unknown = files.flatMap((file) =>
      usedNames(readFileSync(join(root, file), 'utf8'))
        .filter(
          (name) =>
            !known.has(name) && !/^millrace_(ingestion|data_prep|training|registry|gateway|monitoring|events)$/.test(name),
        )
        .map((name) => `${file}: ${name}`),
    );
    expect(unknown).toEqual([]);
    const page = metricsPage(declared);
    // The fresh page lies beside the run for who has to update the committed one.
    writeFileSync(join(tmpdir(), 'millrace-metrics.md'), page);
    expect(readFileSync(join(root, 'docs/metrics.md'), 'utf8')).toBe(page);
  });

  it('shows one request as one trace: HTTP, gRPC, event, handler of another service, each below its cause', async () => {
    const rows = Array.from({ length: 20 }, (_unused, index) => `{"text":"row number ${index}","label":"a"}`).join('\n');
    const uploaded = await ask(
      `${platform.http('ingestion')}/api/v1/datasets/traced/versions?format=jsonl&columns=text:string,label:string`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: rows,
      },
    );
    const versionId = uploaded['id'];
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await ask(`${platform.http('data-prep')}/api/v1/recipe-runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-b7ad6b7169203331-01` },
      body: JSON.stringify({
        recipeText: 'name: traced\nsteps:\n- exact_dedup: { fields: [text] }\n',
        inputVersion: versionId,
        outputDataset: 'traced-output',
      }),
    });
    const ours = (): ReceivedSpan[] => receiver.spans().filter((span) => span.traceId === traceId);
    const chain = (): ReceivedSpan[] | undefined => {
      const handler = ours().find(({ kind, service }) => kind === 5 && service === 'millrace-data-prep');
      if (!handler) return undefined;
      const up: ReceivedSpan[] = [handler];
      for (let parent = handler.parentSpanId; parent !== 'b7ad6b7169203331';) {
        const span = ours().find(({ spanId }) => spanId === parent);
        if (!span) return undefined;
        up.push(span);
        parent = span.parentSpanId;
      }
      return up;
    };
    await eventually(() => chain() !== undefined, { timeoutMs: 90_000 }).catch((error: unknown) => {
      throw new Error(`no whole chain in ${JSON.stringify(ours(), null, 1)}`, { cause: error });
    });
    const steps = (chain() as ReceivedSpan[]).reverse().map(({ service, kind, name }) => `${service} ${kind} ${name}`);
    const upload = 'millrace.ingestion.v1.DatasetService/UploadDataset';
    expect(steps).toEqual([
      'millrace-data-prep 2 POST /api/v1/recipe-runs',
      'millrace-data-prep 1 handle',
      `millrace-data-prep 3 ${upload}`,
      `millrace-ingestion 2 ${upload}`,
      'millrace-data-prep 5 data-prep.profiles millrace.ingestion.dataset-version-committed.v1',
    ]);
  });

  it('has Alertmanager told of a dead letter within 60 s, and of its end when it was dropped', async () => {
    const told = (status: string) =>
      tower.notices.find((notice) => notice.status === status && notice.labels['alertname'] === 'MillraceMonitoringDeadLetters');
    const broker = new KafkaBroker({ brokers: kafka.brokers, service: 'spec', logger: silentLogger() });
    await broker.start();
    expect(told('firing')).toBeUndefined();
    const startMs = performance.now();
    await broker.publish([{ topic: 'feedback.v1', key: 'k', value: '{"broken', headers: { ce_id: 'bad-1' } }]);
    await broker.close();
    await eventually(() => told('firing') !== undefined, { timeoutMs: 60_000 });
    expect(told('firing')).toMatchObject({
      labels: { severity: 'warning', service: 'monitoring', consumer: 'monitoring.feedback' },
      annotations: { summary: 'monitoring: 1 dead letters of monitoring.feedback wait for somebody' },
    });
    process.stdout.write(`dead letter to webhook: ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`);
    const url = new Home(platform.home).readState()?.databaseUrls['monitoring'];
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query("update dead_letters set state = 'dropped', reason = 'spec'");
    await client.end();
    await eventually(() => told('resolved') !== undefined, { timeoutMs: 60_000 });
  });
});
