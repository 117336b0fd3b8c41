// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ingestion } from '#libs/contracts';
import { toAppError } from '#libs/errors';
import { createRpcClient } from '#libs/rpc';
import { waitingEvents } from './f06-broker-killed';
import type { Fault, FaultContext, LabOptions } from './support/fault';
import { outboxesEmpty } from './support/fault-lab';
import { SmallDisk } from './support/small-disk';
import { waitFor } from './support/wait';

const POSTGRES_MB = 320;
const KAFKA_MB = 96;
const SECONDS_FULL = { short: 5, long: 60 };

const disks: { postgres?: SmallDisk; kafka?: SmallDisk } = {};
const ownLab: LabOptions = { services: ['ingestion', 'data-prep', 'monitoring'] };

/** F12: the disk of the database, then that of the broker is full: requests are refused, nothing acknowledged is lost. */
export const fault: Fault = {
  id: 'F12',
  title: 'Disk full under Postgres, then under the broker',
  ownLab,
  traffic: ['feedback', 'uploads'],
  async unable() {
    const reason = SmallDisk.unable();
    if (reason !== undefined) return reason;
    disks.postgres = SmallDisk.mount(POSTGRES_MB);
    disks.kafka = SmallDisk.mount(KAFKA_MB);
    const postgres = join(disks.postgres.path, 'postgres');
    mkdirSync(postgres);
    ownLab.postgres = { dataDir: postgres };
    ownLab.kafka = { dataDir: join(disks.kafka.path, 'kafka') };
    return undefined;
  },
  async run(context) {
    context.traffic.setRate('uploads', 0.5);
    for (let round = 0; round < context.rounds; round += 1) {
      await fillPostgres(context, round, disks.postgres as SmallDisk);
      await fillKafka(context, round, disks.kafka as SmallDisk);
    }
  },
};

async function fillPostgres({ lab, traffic, fault: count, note, long, workspace }: FaultContext, round: number, disk: SmallDisk) {
  const bytes = disk.fill();
  count('disk of Postgres full', { round, bytes });
  const codes = new Map<string, number>();
  try {
    // Pages and log segments that exist already take some more; then it is over.
    await waitFor('a refusal', async () => refusals(await upload(lab.http('ingestion'), workspace, codes)), {
      timeoutMs: 120_000,
    });
    for (const endMs = performance.now() + (long ? SECONDS_FULL.long : SECONDS_FULL.short) * 1000; performance.now() < endMs;)
      await upload(lab.http('ingestion'), workspace, codes);
    await uploadIsRefusedByRpc(lab.grpc('ingestion'), workspace, note);
  } finally {
    disk.free();
  }
  note('answers while full', Object.fromEntries(codes));
  const wrong = [...codes.keys()].filter((code) => !/^(201|429|503|504) /.test(code));
  if (wrong.length > 0) throw new Error(`a full disk was answered with ${wrong.join(', ')}`);
  const startedMs = performance.now();
  await revive({ lab, note });
  await traffic.flows({ timeoutMs: 90_000 });
  note('recovered', { round, seconds: (performance.now() - startedMs) / 1000 });
}

/** Postgres stops for good when it cannot write its log; somebody has to start it then. */
async function revive({ lab, note }: Pick<FaultContext, 'lab' | 'note'>): Promise<void> {
  try {
    await waitFor('Postgres', () => lab.postgres.sql('postgres', 'select 1'), { timeoutMs: 10_000, intervalMs: 500 });
  } catch (error) {
    note('postgres had ended', { error: (error as Error).message });
    await lab.postgres.stop('immediate');
    await lab.postgres.start();
  }
}

async function fillKafka({ lab, traffic, fault: count, note, long }: FaultContext, round: number, disk: SmallDisk) {
  const bytes = disk.fill();
  count('disk of the broker full', { round, bytes });
  try {
    await delay((long ? SECONDS_FULL.long : SECONDS_FULL.short) * 1000);
    await traffic.flows({ kinds: ['uploads'], timeoutMs: 30_000 });
    await waitFor('events that wait for the broker', async () => (await waitingEvents(lab)) > 0, { timeoutMs: 60_000 });
  } finally {
    disk.free();
  }
  note('broker', { round, running: lab.kafka.isRunning });
  // A broker that could not write gives up its disk, or itself: it has to be started again.
  await lab.kafka.restart();
  const startedMs = performance.now();
  await outboxesEmpty(lab, 90_000);
  note('drained', { round, seconds: (performance.now() - startedMs) / 1000 });
}

/** An upload of half a megabyte in a workspace of its own; counts the answer. */
async function upload(url: string, workspace: string, codes: Map<string, number>): Promise<number> {
  const response = await fetch(`${url}/api/v1/datasets/filler/versions?format=jsonl`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-millrace-workspace': `${workspace}-filler` },
    body: fillerRows(),
    signal: AbortSignal.timeout(40_000),
  });
  const { code = '' } = (await response.json()) as { code?: string };
  const answer = `${response.status} ${code}`;
  codes.set(answer, (codes.get(answer) ?? 0) + 1);
  return response.status;
}

/** Half a megabyte. */
function fillerRows(): string {
  return Array.from({ length: 500 }, (_, index) => `${JSON.stringify({ text: `${index} ${'x'.repeat(1_000)}` })}\n`).join('');
}

async function* fillerMessages(): AsyncGenerator<ingestion.UploadDatasetRequest> {
  const header = ingestion.UploadHeader.fromPartial({ dataset: 'filler', format: 'jsonl', requestId: randomUUID() });
  yield { header, chunk: undefined };
  yield { header: undefined, chunk: Buffer.from(fillerRows()) };
}

/** The same by gRPC: the kinds of refusal that become RESOURCE_EXHAUSTED and UNAVAILABLE on the wire. */
async function uploadIsRefusedByRpc(address: string, workspace: string, note: FaultContext['note']): Promise<void> {
  const client = createRpcClient(ingestion.DatasetServiceService, { address, service: 'faults' });
  try {
    const refusal = await waitFor(
      'a refusal by gRPC',
      () => {
        const call = client.uploadDataset(fillerMessages(), { workspace: `${workspace}-filler`, deadlineMs: 40_000 });
        return call.then(() => undefined, toAppError);
      },
      { timeoutMs: 120_000 },
    );
    const { kind, code } = refusal;
    note('answer by gRPC while full', { errorKind: kind, code });
    assert.ok(kind === 'unavailable' || kind === 'exhausted', `a full disk was answered with ${kind} ${code}`);
  } finally {
    client.close();
  }
}

function refusals(status: number): boolean {
  return status === 503 || status === 429;
}
