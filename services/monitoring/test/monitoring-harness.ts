// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newId } from '#libs/clock';
import { gateway, type EventDefinition, Events } from '#libs/contracts';
import { Broker, DeadLetters, toHeaders } from '#libs/messaging';
import { Database } from '#libs/persistence';
import { startTestService, type TestService } from '#libs/testing';
import { AppModule } from '../src/app.module';
import { MonitoringSettings } from '../src/config';
import { migrations } from '../src/migrations';

/** JSON of any shape: specs look at it field by field. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers of many shapes, checked by the specs themselves
export type Json = any;

export interface Answer {
  status: number;
  body: Json;
}

export interface InferenceShape {
  id?: string;
  responseId?: string;
  endpoint?: string;
  modelVersion?: number;
  rolloutId?: string;
  arm?: gateway.Arm;
  userHash?: string;
  statusCode?: number;
  inputText?: string;
  outputText?: string;
  requestTime?: Date;
}

/** Monitoring on databases of its own, with the other services played by events. */
export class MonitoringHarness {
  private constructor(readonly service: TestService) {}

  static async start(env: Record<string, string> = {}): Promise<MonitoringHarness> {
    const service = await startTestService({
      service: 'monitoring',
      settings: MonitoringSettings,
      module: (settings) => AppModule.forRoot(settings),
      migrations,
      env: { EVALUATION_INTERVAL_MS: '50', VERDICT_INTERVAL_SECONDS: '0', RATER_REVIEW_SECONDS: '0', ...env },
    });
    return new MonitoringHarness(service);
  }

  close(): Promise<void> {
    return this.service.close();
  }

  async call(method: string, path: string, body?: unknown, workspace = 'default'): Promise<Answer> {
    const response = await fetch(this.service.baseUrl + path, {
      method,
      headers: { 'x-millrace-workspace': workspace, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  async get(path: string, workspace = 'default'): Promise<Json> {
    return (await this.call('GET', path, undefined, workspace)).body;
  }

  /** Publishes facts of another service. */
  async publish<T>(
    definition: EventDefinition<T>,
    facts: { key: string; data: T; workspace?: string; version?: number; time?: Date }[],
  ): Promise<void> {
    await this.service.get(Broker).publish(
      facts.map(({ key, data, workspace = 'default', version = 1, time = new Date() }) => ({
        topic: definition.topic,
        key,
        value: JSON.stringify(definition.toJSON(data)),
        headers: toHeaders({
          id: newId(),
          source: 'spec',
          type: definition.type,
          subject: key,
          time,
          workspace,
          aggregateId: key,
          aggregateVersion: version,
        }),
      })),
    );
  }

  /** Publishes finished requests; returns their ids. */
  async infer(shapes: InferenceShape[], workspace = 'default'): Promise<string[]> {
    const inferences = shapes.map((shape) => inference(shape));
    await this.publish(
      Events.InferenceCompleted,
      inferences.map((data) => ({ key: data.inferenceId, data, workspace })),
    );
    return inferences.map((each) => each.inferenceId);
  }

  /** Produces feedback as a foreign producer would: binary mode. */
  async produceFeedback(items: { id?: string; workspace?: string; data: unknown }[]): Promise<void> {
    await this.service.get(Broker).publish(
      items.map(({ id = newId(), workspace = 'default', data }) => ({
        topic: 'feedback.v1',
        key: null,
        value: typeof data === 'string' ? data : JSON.stringify(data),
        headers: {
          ce_specversion: '1.0',
          ce_id: id,
          ce_source: 'product/spec',
          ce_type: 'millrace.feedback.v1',
          ce_workspace: workspace,
          'content-type': 'application/json',
        },
      })),
    );
  }

  async produceRaw(value: string, headers: Record<string, string>): Promise<void> {
    await this.service.get(Broker).publish([{ topic: 'feedback.v1', key: 'k', value, headers }]);
  }

  async deadLetters(): Promise<{ code: string; message: string }[]> {
    return (await this.service.get(DeadLetters).list({})).items;
  }

  /** Payloads of what the service published, in order. */
  async published(type: string): Promise<Json[]> {
    const rows = await this.service
      .get(Database)
      .query<{ payload: string }>('select payload from outbox where type = $1 order by position', [type]);
    return rows.map((row) => JSON.parse(row.payload));
  }
}

export function inference(shape: InferenceShape): gateway.InferenceCompleted {
  return {
    inferenceId: shape.id ?? newId(),
    endpoint: shape.endpoint ?? 'triage',
    modelName: 'glossary',
    modelVersion: shape.modelVersion ?? 1,
    modelManifestDigest: 'd'.repeat(64),
    rolloutId: shape.rolloutId ?? '',
    arm: shape.arm ?? gateway.Arm.ARM_NONE,
    userHash: shape.userHash ?? '',
    operation: 'chat',
    promptTokens: 20,
    completionTokens: 2,
    latencyMs: 8,
    timeToFirstByteMs: 5,
    statusCode: shape.statusCode ?? 200,
    errorCode: '',
    finishReason: 'stop',
    streamed: false,
    inputText: shape.inputText ?? 'a small dog',
    outputText: shape.outputText ?? ' animal',
    requestTime: shape.requestTime ?? new Date(),
    truncated: false,
    responseId: shape.responseId ?? '',
  };
}

export interface FeedbackShape {
  right: boolean;
  rater: string;
  correction?: string;
}

/** The data of one feedback event. */
export function rating(inferenceId: string, shape: FeedbackShape): Record<string, unknown> {
  return {
    target: { kind: 'inference', id: inferenceId },
    metric: 'correct',
    value: shape.right,
    rater: { id: shape.rater, kind: 'human_end_user' },
    ...(shape.correction === undefined ? {} : { correction: shape.correction }),
  };
}

/** A receiver of webhooks that keeps what it got; answers `statusCode`. */
export class WebhookReceiver {
  readonly bodies: Json[] = [];
  statusCode = 200;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<WebhookReceiver> {
    const server = createServer();
    const receiver = new WebhookReceiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        receiver.bodies.push(JSON.parse(Buffer.concat(chunks).toString('utf8')));
        response.writeHead(receiver.statusCode, { connection: 'close' }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
