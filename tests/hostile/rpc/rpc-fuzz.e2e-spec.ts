// SPDX-License-Identifier: Apache-2.0
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { testSettings } from '#libs/config';
import { allGrpcDoors, type GrpcDoor } from '../../support/grpc-doors';
import { GrpcCaller, type GrpcAnswer } from '../../support/grpc-caller';
import { LaunchedPlatform } from '../../support/launched-platform';
import { SECRET_SETTINGS, SENT_SECRETS } from '../../support/platform-secrets';
import { faultsOfPlatform } from '../support/judge-logs';
import { plantEntities } from '../support/plant-entities';
import { anyMessage, brokenBytes } from './message-arbitrary';
import { KnownValues } from './known-values';

/** What a server may say to a caller who is wrong. Everything else would be the server's own fault, or a hang. */
const FAIR = new Set([
  status.OK,
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.FAILED_PRECONDITION,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.RESOURCE_EXHAUSTED,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
]);

const seed = testSettings().fuzzSeed;
const examples = testSettings().fuzzExamples;

describe(`every RPC, hostile requests (seed ${seed}, ${examples} a method)`, () => {
  const doors = allGrpcDoors();
  const known = new KnownValues();
  let platform: LaunchedPlatform;
  let caller: GrpcCaller;

  beforeAll(async () => {
    platform = await LaunchedPlatform.start([], { LOG_LEVEL: 'debug', ...SECRET_SETTINGS });
    caller = new GrpcCaller((service) => platform.grpc(service));
    known.learn(await plantEntities(platform));
  }, 120_000);
  afterAll(async () => {
    caller?.close();
    await platform?.stop();
  }, 60_000);

  async function ask(door: GrpcDoor, request: Buffer | Buffer[]): Promise<GrpcAnswer> {
    const { path, requestStream, responseStream } = door;
    // A watch of something that lives goes on for as long as it lives: three messages are enough.
    return caller.call(door.service, { path, requestStream, responseStream, request, messagesMax: 3, deadlineMs: 20_000 });
  }

  /** Undefined when the answer is fair. */
  function unfair(door: GrpcDoor, answer: GrpcAnswer): string | undefined {
    for (const message of answer.messages) known.learn(fromBinary(door.output, message));
    return FAIR.has(answer.code) ? undefined : `${door.path}: ${status[answer.code]} ${answer.details}`;
  }

  async function fuzz(door: GrpcDoor, requests: fc.Arbitrary<Buffer>, runs: number): Promise<string[]> {
    const unfairAnswers: string[] = [];
    const property = fc.asyncProperty(
      fc.array(requests, { minLength: 1, maxLength: door.requestStream ? 3 : 1 }),
      async (list) => {
        const problem = unfair(door, await ask(door, door.requestStream ? list : list[0]));
        if (problem !== undefined) throw new Error(problem);
      },
    );
    const result = await fc.check(property, { seed, numRuns: runs, endOnFailure: true });
    if (result.failed) {
      const error = result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance);
      unfairAnswers.push(
        `${error}, request ${(result.counterexample?.[0] ?? []).map((bytes) => shown(door, bytes)).join(' + ')}`,
      );
    }
    return unfairAnswers;
  }

  async function fuzzAll(requestsOf: (door: GrpcDoor) => fc.Arbitrary<Buffer>, runs: number): Promise<string[]> {
    // Lists first: what they answer lets the others get deeper. Four at a time, as several clients would.
    const order = [...doors].sort((a, b) => Number(/\/List/.test(b.path)) - Number(/\/List/.test(a.path)));
    const problems: string[] = [];
    const next = async (): Promise<void> => {
      for (let door = order.shift(); door; door = order.shift()) problems.push(...(await fuzz(door, requestsOf(door), runs)));
    };
    await Promise.all([next(), next(), next(), next()]);
    return problems;
  }

  it('answers well-formed messages with any content by OK or with the caller’s mistake', async () => {
    const encoded = (door: GrpcDoor): fc.Arbitrary<Buffer> =>
      anyMessage(door.input, known.all).map((message) => Buffer.from(toBinary(door.input, message)));
    expect(await fuzzAll(encoded, examples)).toEqual([]);
  }, 600_000);

  it('answers bytes that are no message with the caller’s mistake', async () => {
    const broken = (door: GrpcDoor): fc.Arbitrary<Buffer> =>
      brokenBytes(anyMessage(door.input, known.all).map((message) => Buffer.from(toBinary(door.input, message))));
    expect(await fuzzAll(broken, Math.ceil(examples / 2))).toEqual([]);
    const misplaced = (): fc.Arbitrary<Buffer> => fc.constant(Buffer.from(SENT_SECRETS.body));
    expect(await fuzzAll(misplaced, 1)).toEqual([]);
  }, 600_000);

  it('answers hostile metadata with the caller’s mistake', async () => {
    const problems: string[] = [];
    const door = doors.find(({ path }) => path.endsWith('DatasetService/ListDatasets')) as GrpcDoor;
    const hostile: Record<string, string>[] = [
      { authorization: 'Bearer' },
      { authorization: `Bearer ${'x'.repeat(7_000)}` },
      { authorization: `Bearer ${SENT_SECRETS.grpc}` },
      { authorization: `Bearer ${SENT_SECRETS.apiKey}`, cookie: `session=${SENT_SECRETS.cookie}` },
      { authorization: 'Basic !!!' },
      { 'x-millrace-workspace': '../other' },
      { 'x-millrace-workspace': 'a'.repeat(5_000) },
      { 'x-request-id': "'; drop table" },
      { traceparent: '00-zz-zz-zz' },
      { traceparent: 'x'.repeat(4_000) },
      { 'grpc-timeout': '99999999H' },
    ];
    for (const metadata of hostile) {
      const { path, requestStream, responseStream } = door;
      const call = {
        path,
        requestStream,
        responseStream,
        request: Buffer.alloc(0),
        metadata: metadata,
      };
      const problem = unfair(door, await caller.call(door.service, call));
      if (problem !== undefined) problems.push(`${JSON.stringify(metadata).slice(0, 80)} -> ${problem}`);
    }
    expect(problems).toEqual([]);
  }, 60_000);

  it('left every process alive, ready and never restarted, and no error and no secret in any log', async () => {
    const unwell: string[] = [];
    for (const service of [...new Set(doors.map((door) => door.service))]) {
      const answer = await fetch(`${platform.http(service)}/health/ready`, { headers: { connection: 'close' } });
      if (answer.status !== 200) unwell.push(`${service}: ready answers ${answer.status} ${await answer.text()}`);
    }
    unwell.push(...faultsOfPlatform({ home: platform.home, output: platform.program.output }));
    expect(unwell.slice(0, 20)).toEqual([]);
  }, 30_000);
});

function shown(door: GrpcDoor, bytes: Buffer): string {
  try {
    const message = fromBinary(door.input, bytes);
    const text = JSON.stringify(message, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    return text.length > 1_500 ? `${text.slice(0, 1_500)}...` : text;
  } catch {
    // No message: the bytes themselves say what it was.
    return `base64 ${bytes.toString('base64').slice(0, 400)}`;
  }
}
