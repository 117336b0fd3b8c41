// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { eventually, projectRoot, startTestService, type TestService } from '#libs/testing';
import { AppModule } from '../src/app.module';
import { TrainingSettings } from '../src/config';
import { migrations } from '../src/migrations';
import { FakeIngestion, type FakeRow } from './fake-ingestion';
import { FakeRegistry } from './fake-registry';

interface TrainerExtras {
  /** Modules that are loaded before the trainer. */
  preload?: string[];
  /** Arguments before those that every trainer gets. */
  args?: string[];
}

/** Commands that run the trainers from the sources, so that specs need no build. */
export function trainerCommands(trainer: TrainerExtras = {}): string {
  const root = projectRoot();
  const command = (file: string, { preload = [], args = [] }: TrainerExtras): string[] => {
    const modules = [join(root, 'libs/testing/ts-hook.cjs'), ...preload];
    const required = modules.flatMap((module) => ['--require', module]);
    return [process.execPath, ...required, join(root, 'services/training/src/trainers', file), ...args];
  };
  return JSON.stringify({
    'tiny-lm': command('tiny-lm-trainer.ts', trainer),
    'tiny-lm-evaluator': command('tiny-lm-evaluator.ts', {}),
  });
}

const words: Record<string, string[]> = {
  animal: ['a small furry animal that barks', 'a bird with long legs', 'a fish of cold seas', 'an insect with six legs'],
  plant: ['a tall tree with needles', 'a herb with yellow flowers', 'a shrub of dry places', 'a grass grown for its seeds'],
};

/** Rows of a two-label task that the tiny model learns in a few steps. */
export function taskRows(count: number): FakeRow[] {
  const labels = Object.keys(words);
  return Array.from({ length: count }, (_, index) => {
    const label = labels[index % labels.length];
    const texts = words[label];
    return { text: `${texts[Math.floor(index / 2) % texts.length]}, number ${index % 7}`, label };
  });
}

/** A body for POST /api/v1/jobs over one dataset version. */
export function jobBody(datasetVersion: string, over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    registeredModelName: 'triage',
    baseModel: 'tiny-base',
    inputs: [{ datasetVersion }],
    promptTemplate: '{text}\nDomain:',
    answerTemplate: ' {label}',
    hyperparameters: { steps: 30, batchSize: 4, checkpointSteps: 10 },
    ...over,
  };
}

/** Training with its two peers, all inside the spec except the trainers. */
export class TrainingFixture {
  readonly ingestion = new FakeIngestion();
  readonly registry = new FakeRegistry();
  service: TestService;
  /** A workspace of its own for each spec file. */
  readonly workspace = `w-${randomUUID().slice(0, 8)}`;

  async start(env: Record<string, string> = {}): Promise<void> {
    await this.ingestion.listen();
    await this.registry.listen();
    this.service = await startTestService({
      service: 'training',
      settings: TrainingSettings,
      module: (settings) => AppModule.forRoot(settings),
      migrations,
      env: {
        INGESTION_GRPC: this.ingestion.address,
        REGISTRY_GRPC: this.registry.address,
        TRAINER_COMMANDS: trainerCommands(),
        POLL_MILLISECONDS: '50',
        ...env,
      },
    });
  }

  async stop(): Promise<void> {
    await this.service.close();
    this.ingestion.close();
    this.registry.close();
  }

  /** Calls an HTTP route; the body of the answer with its status. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Answer }> {
    const response = await fetch(`${this.service.baseUrl}/api/v1${path}`, {
      method,
      headers: {
        'x-millrace-workspace': this.workspace,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  }

  /** Creates something and gives the answer; fails with the answer when it was refused. */
  async create(path: string, body: unknown): Promise<Answer> {
    const { status, body: answer } = await this.call('POST', path, body);
    if (status !== 201) throw new Error(`POST ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Waits until a resource is in one of these states; fails at once when it ends in another one. */
  async awaitState(path: string, states: string | string[], timeoutMs = 60_000): Promise<Answer> {
    const wanted = [states].flat();
    let stuck: Error | undefined;
    const found = await eventually(
      async () => {
        const { body } = await this.call('GET', path);
        if (wanted.includes(body.state as string)) return body;
        if (['succeeded', 'failed', 'cancelled', 'rejected'].includes(body.state as string)) {
          stuck = new Error(`${path} is ${String(body.state)}: ${JSON.stringify(body.error ?? body.reason)}`);
          return body;
        }
        throw new Error(`${path} is still ${String(body.state)}: ${JSON.stringify(body)}`);
      },
      { timeoutMs, intervalMs: 50 },
    );
    if (stuck) throw stuck;
    return found;
  }
}

/** JSON of an answer; specs look at single fields. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the shape is what the spec checks
export type Answer = Record<string, any>;
