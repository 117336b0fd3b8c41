// SPDX-License-Identifier: Apache-2.0
import type { FakeBackend } from '../../services/gateway/test/fake-backend';
import type { Fleet, Replica } from './fleet';
import type { KafkaView } from './kafka-view';

/** What the cases share; the spec fills it in before the first of them. */
export interface ScaleContext {
  fleet: Fleet;
  view: KafkaView;
  backend: FakeBackend;
}

// JSON of any shape: specs look at it field by field, and a wrong look fails the spec.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

/** A line of figures in the output of the run. */
export function say(line: string): void {
  process.stdout.write(`[scale] ${line}\n`);
}

/** JSON over HTTP at one replica; fails unless it is answered with 2xx. */
export async function ask(replica: Replica, method: string, path: string, body?: unknown): Promise<Json> {
  const response = await fetch(replica.url + path, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${replica.service} ${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** Uploads JSON lines; gives the version's id. */
export async function upload(replica: Replica, dataset: string, rows: object[], requestId: string): Promise<string> {
  const path = `/api/v1/datasets/${dataset}/versions?format=jsonl&requestId=${requestId}`;
  const response = await fetch(replica.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
  });
  if (response.status !== 201) throw new Error(`upload: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}
