// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SamplerCursor } from './example-sampler';
import { toHuggingFaceConfig, type LlamaConfig } from './llama-config';
import type { RandomState } from './random';
import { readSafetensors, writeSafetensors } from './safetensors';
import { TinyLmError } from './tiny-lm.errors';
import type { TrainerSettings } from './trainer-settings';

export const CHECKPOINT_SCHEMA = 'millrace.tiny-lm.checkpoint/v1';

/** checkpoint.json: what the arrays in state.safetensors belong to. Digests are sha256 in hex. */
export interface CheckpointManifest {
  schema: typeof CHECKPOINT_SCHEMA;
  /** Steps done; the optimizer has seen the same number. */
  step: number;
  settings: TrainerSettings;
  model: Record<string, unknown>;
  baseDigest: string;
  tokenizerDigest: string;
  dataDigest: string;
  cursor: SamplerCursor;
  randomState: RandomState;
  files: Record<string, { sha256: string; bytes: number }>;
}

/** What a run must share with a checkpoint to go on from it. */
export interface CheckpointIdentity {
  config: LlamaConfig;
  settings: TrainerSettings;
  baseDigest: string;
  tokenizerDigest: string;
  dataDigest: string;
}

/** Trainable values (the whole model, or the adapters) and the two moments of AdamW; all of one length. */
export interface CheckpointArrays {
  trainable: Float32Array;
  moments1: Float32Array;
  moments2: Float32Array;
}

const STATE_FILE = 'state.safetensors';
const MANIFEST_FILE = 'checkpoint.json';

function writeDurably(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'wx');
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a checkpoint folder, which must not exist. It is filled under another name and then renamed, so a folder of this name is always
 * whole, whenever the process dies.
 */
export function writeCheckpoint(
  folder: string,
  identity: CheckpointIdentity,
  progress: Pick<CheckpointManifest, 'step' | 'cursor' | 'randomState'>,
  arrays: CheckpointArrays,
): CheckpointManifest {
  const { config, ...rest } = identity;
  const state = writeSafetensors(
    Object.entries(arrays).map(([name, values]: [string, Float32Array]) => ({ name, shape: [values.length], values })),
    { schema: CHECKPOINT_SCHEMA },
  );
  const manifest: CheckpointManifest = {
    schema: CHECKPOINT_SCHEMA,
    ...progress,
    ...rest,
    model: toHuggingFaceConfig(config),
    files: { [STATE_FILE]: { sha256: createHash('sha256').update(state).digest('hex'), bytes: state.length } },
  };
  mkdirSync(dirname(folder), { recursive: true });
  const partial = `${folder}.partial-${process.pid}-${process.hrtime.bigint()}`;
  mkdirSync(partial);
  writeDurably(join(partial, STATE_FILE), state);
  writeDurably(join(partial, MANIFEST_FILE), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  try {
    renameSync(partial, folder);
  } catch (cause) {
    rmSync(partial, { recursive: true });
    throw cause;
  }
  return manifest;
}

const refuse = (field: string, reason: string, cause?: unknown): never => {
  throw new TinyLmError('TINY_LM.CHECKPOINT_MISMATCH', `checkpoint ${field}`, reason, { cause });
};

/** Reads checkpoint.json alone; a file of another schema is refused. */
export function readCheckpointManifest(folder: string): CheckpointManifest {
  let manifest: CheckpointManifest;
  try {
    manifest = JSON.parse(readFileSync(join(folder, MANIFEST_FILE), 'utf8')) as CheckpointManifest;
  } catch (cause) {
    return refuse(MANIFEST_FILE, `cannot be read in ${folder}`, cause);
  }
  if (manifest?.schema !== CHECKPOINT_SCHEMA)
    refuse('schema', `must be ${CHECKPOINT_SCHEMA}, got ${JSON.stringify(manifest?.schema)}`);
  return manifest;
}

// Names the first path at which two JSON values differ, or returns undefined.
function firstDifference(expected: unknown, found: unknown, path: string): string | undefined {
  if (JSON.stringify(expected) === JSON.stringify(found)) return undefined;
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (isObject(expected) && isObject(found)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      const inner = firstDifference(expected[key], found[key], `${path}.${key}`);
      if (inner) return inner;
    }
    return undefined;
  }
  return path;
}

/** Reads a checkpoint for a run with this identity. A file that was altered or any field that differs is refused by name. */
export function readCheckpoint(
  folder: string,
  identity: CheckpointIdentity,
): { manifest: CheckpointManifest; arrays: CheckpointArrays } {
  const manifest = readCheckpointManifest(folder);
  const { config, ...rest } = identity;
  const expected = { model: toHuggingFaceConfig(config), ...rest };
  for (const [field, value] of Object.entries(expected)) {
    const path = firstDifference(value, manifest[field as keyof CheckpointManifest], field);
    if (path) refuse(path, 'does not match this run');
  }
  let state: Buffer;
  try {
    state = readFileSync(join(folder, STATE_FILE));
  } catch (cause) {
    return refuse(`files.${STATE_FILE}`, 'cannot be read', cause);
  }
  const sha256 = createHash('sha256').update(state).digest('hex');
  if (sha256 !== manifest.files?.[STATE_FILE]?.sha256)
    refuse(`files.${STATE_FILE}.sha256`, `is ${sha256} on disk: the file was altered`);
  const tensors = readSafetensors(state, STATE_FILE);
  const take = (name: keyof CheckpointArrays): Float32Array =>
    tensors.get(name)?.values ?? refuse(`files.${STATE_FILE}`, `lacks ${name}`);
  return { manifest, arrays: { trainable: take('trainable'), moments1: take('moments1'), moments2: take('moments2') } };
}
