// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testSettings } from '#libs/config';
import type { TestService } from '#libs/testing';
import { startRegistry } from './harness';

jest.setTimeout(180_000);

// Not about Kafka: it stands with the specs that need an engine from outside, so that `npm test` needs Node only.
describe('the stock mlflow client', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startRegistry();
  }, 60_000);
  afterAll(() => service.close());

  const runClient = async (trackingUri: string): Promise<Record<string, unknown>> => {
    const { mlflowPython } = testSettings();
    if (!mlflowPython) throw new Error('MLFLOW_PYTHON is not set: name a Python that has mlflow or mlflow-skinny installed');
    const script = join(__dirname, 'mlflow_client.py');
    const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], MLFLOW_TRACKING_URI: trackingUri };
    const { stdout } = await promisify(execFile)(mlflowPython, [script], { env: environment, timeout: 150_000 });
    return JSON.parse(stdout.slice(stdout.lastIndexOf('{'))) as Record<string, unknown>;
  };

  it('creates, logs, searches, versions, aliases, copies and registers prompts unchanged', async () => {
    const counts = await runClient(service.baseUrl);
    expect(counts).toMatchObject({ runs: 2, prompts: 1, models: 1 });
  });

  it('works against a workspace in the path of its base URL, and sees nothing of another one', async () => {
    const counts = await runClient(`${service.baseUrl}/w/team-b`);
    expect(counts).toMatchObject({ runs: 2, prompts: 1, models: 1, experiments: 2 });
  });
});
