// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process';
import { testSettings } from '#libs/config';
import { monitoring } from '#libs/contracts';
import { createRpcClient } from '#libs/rpc';
import { eventually, startKafkaForTests, type TestKafka } from '#libs/testing';
import { grpcPort, serviceNames } from '../../deploy/local/processes';
import { LaunchedPlatform } from '../support/launched-platform';

const grpcurl = testSettings().millraceGrpcurl;

/** Every gRPC service of each process, with its lists that need no argument. A service that is missing here fails the spec. */
const lists: Record<(typeof serviceNames)[number], Record<string, string[]>> = {
  gateway: {
    ApiKeyService: ['ListApiKeys'],
    EndpointService: ['ListEndpoints', 'ListDeployments'],
    RolloutService: ['ListRollouts'],
  },
  ingestion: { DatasetService: ['ListDatasets', 'ListUploads'] },
  'data-prep': { ProfileService: ['ListProfiles'], RecipeService: ['ListRecipes', 'ListRecipeRuns'] },
  training: {
    EvaluationJobService: ['ListEvaluationJobs'],
    JobService: ['ListJobs', 'ListBaseModels'],
    PipelineService: ['ListPipelines', 'ListPipelineRuns'],
  },
  registry: {
    ExperimentService: ['ListExperiments'],
    ModelService: ['ListRegisteredModels', 'ListApprovals', 'ListAuditEntries'],
  },
  monitoring: {
    FeedbackService: ['ListFeedback', 'ListRaters'],
    MonitorService: ['ListMonitors', 'ListAlerts'],
    ProposalService: ['ListProposals'],
    VerdictService: ['ListVerdicts'],
  },
};

/** Programs that know nothing of Millrace: kcat writes feedback, grpcurl lists and calls every service. CI installs both. */
describe('outside clients against the platform on real Kafka', () => {
  let kafka: TestKafka;
  let platform: LaunchedPlatform;
  const call = { workspace: 'default', deadlineMs: 10_000 };

  beforeAll(async () => {
    kafka = await startKafkaForTests();
    platform = await LaunchedPlatform.start(['--broker', 'kafka'], { KAFKA_BROKERS: kafka.brokers.join(',') });
  }, 180_000);
  afterAll(async () => {
    expect(await platform?.stop()).toBe(0);
    await kafka?.stop();
  }, 60_000);

  const data = (id: string) => ({
    target: { kind: 'inference', id },
    metric: 'correct',
    value: false,
    correction: 'plant',
    rater: { id: 'kcat-user', kind: 'human_end_user' },
  });

  function kcat(input: string, args: string[]): void {
    const ran = spawnSync('kcat', ['-P', '-b', kafka.brokers.join(','), '-t', 'feedback.v1', ...args], {
      input,
      encoding: 'utf8',
    });
    if (ran.error) throw new Error(`kcat could not run: ${ran.error.message}`);
    expect(`${ran.status} ${ran.stderr}`).toMatch(/^0/);
  }

  it('kcat produces feedback: binary and structured mode, plain and with every compression', async () => {
    const attributes = (id: string) =>
      Object.entries({
        ce_specversion: '1.0',
        ce_id: id,
        ce_source: '/kcat',
        ce_type: 'millrace.feedback.v1',
        'content-type': 'application/json',
      });
    const expected: string[] = [];
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const binary = `binary-${codec}`;
      kcat(JSON.stringify(data(binary)), [
        '-k',
        binary,
        '-z',
        codec,
        ...attributes(binary).flatMap(([name, value]) => ['-H', `${name}=${value}`]),
      ]);
      const structured = `structured-${codec}`;
      const event = {
        specversion: '1.0',
        id: structured,
        source: '/kcat',
        type: 'millrace.feedback.v1',
        datacontenttype: 'application/json',
      };
      kcat(JSON.stringify({ ...event, data: data(structured) }), [
        '-k',
        structured,
        '-z',
        codec,
        '-H',
        'content-type=application/cloudevents+json',
      ]);
      expected.push(binary, structured);
    }
    const client = createRpcClient(monitoring.FeedbackServiceService, {
      address: `127.0.0.1:${grpcPort(platform.portBase, 'monitoring')}`,
      service: 'spec',
    });
    try {
      await eventually(
        async () => {
          const state = monitoring.FeedbackState.FEEDBACK_STATE_UNMATCHED;
          const { feedback } = await client.listFeedback(
            { inferenceId: '', raterHash: '', modelName: '', state, pageSize: 100, pageToken: '' },
            call,
          );
          // Nobody knows these inferences: the feedback is kept and marked.
          expect(feedback.map((one) => one.inferenceId).sort()).toEqual([...expected].sort());
        },
        { timeoutMs: 30_000, intervalMs: 250 },
      );
    } finally {
      client.close();
    }
  }, 120_000);

  it('a CloudEvent without id, and one that is no JSON, end in the dead letters with their reason', async () => {
    kcat(JSON.stringify(data('no-id')), [
      '-H',
      'ce_specversion=1.0',
      '-H',
      'ce_source=/kcat',
      '-H',
      'ce_type=millrace.feedback.v1',
    ]);
    kcat('not json', [
      '-H',
      'ce_specversion=1.0',
      '-H',
      'ce_id=x1',
      '-H',
      'ce_source=/kcat',
      '-H',
      'ce_type=millrace.feedback.v1',
      '-H',
      'content-type=application/json',
    ]);
    await eventually(
      () => {
        const listed = execFileSync(process.execPath, ['dist/deploy/scripts/dlq.js', 'list', '--home', platform.home], {
          encoding: 'utf8',
        });
        expect(listed).toMatch(/id/);
        expect(listed.split('\n').filter((line) => line.includes('monitoring.feedback')).length).toBe(2);
      },
      { timeoutMs: 30_000, intervalMs: 500 },
    );
  }, 60_000);

  it.each(serviceNames)('grpcurl lists and calls %s', (name) => {
    const address = `127.0.0.1:${grpcPort(platform.portBase, name)}`;
    const run = (...args: string[]) => execFileSync(grpcurl, ['-plaintext', ...args], { encoding: 'utf8' });
    const services = run(address, 'list').trim().split('\n');
    expect(services).toContain('grpc.health.v1.Health');
    expect(run('-d', '{}', address, 'grpc.health.v1.Health/Check')).toContain('"SERVING"');
    const own = services.filter((one) => one.startsWith('millrace.'));
    expect(own.map((one) => one.split('.').at(-1)).sort()).toEqual(Object.keys(lists[name]).sort());
    for (const service of own) {
      const methods = run(address, 'list', service).trim().split('\n');
      for (const list of lists[name][service.split('.').at(-1) as string]) {
        expect(methods).toContain(`${service}.${list}`);
        expect(JSON.parse(run('-d', '{"page_size": 1}', address, `${service}/${list}`))).toEqual(expect.any(Object));
      }
    }
  });
});
