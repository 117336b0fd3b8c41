// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHuggingFaceConfig, toHuggingFaceConfig, type LlamaConfig } from './llama-config';
import { layOutParameters, type ParameterLayout } from './parameters';
import { readSafetensors, writeSafetensors } from './safetensors';
import { TinyLmError } from './tiny-lm.errors';
import { Tokenizer } from './tokenizer';

/** A model in memory: its shape, all parameters in layout order, and its tokenizer. */
export interface TinyModel {
  config: LlamaConfig;
  parameters: Float32Array;
  tokenizer: Tokenizer;
}

/** The files of a model folder, in the order in which they are written. `transformers` loads the folder as it is. */
export const MODEL_FILES = [
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
] as const;

export type ModelFiles = Record<(typeof MODEL_FILES)[number], Buffer>;

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 2)}\n`, 'utf8');

/** The folder's files as bytes, for a store that is no folder. The same model gives the same bytes. */
export function writeModelFiles(model: TinyModel): ModelFiles {
  const { config, parameters, tokenizer } = model;
  const tensors = layOutParameters(config).slots.map(({ name, shape, offset, length }) => ({
    name,
    shape,
    values: parameters.subarray(offset, offset + length),
  }));
  const ids = { bos_token_id: config.endOfTextId, eos_token_id: config.endOfTextId, pad_token_id: config.padId };
  return {
    'config.json': json(toHuggingFaceConfig(config)),
    'generation_config.json': json(ids),
    'model.safetensors': writeSafetensors(tensors),
    'tokenizer.json': Buffer.from(tokenizer.toJson(), 'utf8'),
    'tokenizer_config.json': Buffer.from(tokenizer.configJson(config.contextTokens), 'utf8'),
  };
}

/** Reads a model from its files; generation_config.json and tokenizer_config.json may be missing. Faults name file and field. */
export function readModelFiles(files: Partial<ModelFiles>): TinyModel {
  const need = (name: keyof ModelFiles): Buffer => {
    const bytes = files[name];
    if (!bytes) throw new TinyLmError('TINY_LM.FILE_INVALID', name, 'is missing');
    return bytes;
  };
  let raw: unknown;
  try {
    raw = JSON.parse(need('config.json').toString('utf8'));
  } catch (cause) {
    if (cause instanceof TinyLmError) throw cause;
    throw new TinyLmError('TINY_LM.FILE_INVALID', 'config.json', 'is not JSON', { cause });
  }
  const config = fromHuggingFaceConfig(raw);
  const tokenizer = Tokenizer.fromJson(need('tokenizer.json').toString('utf8'));
  if (tokenizer.size > config.vocabSize) {
    throw new TinyLmError(
      'TINY_LM.FILE_INVALID',
      'vocab_size',
      `is ${config.vocabSize} but tokenizer.json has ${tokenizer.size} tokens`,
    );
  }
  return { config, parameters: fillParameters(layOutParameters(config), need('model.safetensors')), tokenizer };
}

function fillParameters(layout: ParameterLayout, bytes: Buffer): Float32Array {
  const tensors = readSafetensors(bytes);
  const parameters = new Float32Array(layout.length);
  for (const { name, shape, offset } of layout.slots) {
    const tensor = tensors.get(name);
    if (!tensor) throw new TinyLmError('TINY_LM.FILE_INVALID', `model.safetensors ${name}`, 'is missing');
    if (tensor.shape.join() !== shape.join()) {
      const found = `[${tensor.shape.join(', ')}]`;
      throw new TinyLmError(
        'TINY_LM.FILE_INVALID',
        `model.safetensors ${name}`,
        `has shape ${found}, expected [${shape.join(', ')}]`,
      );
    }
    parameters.set(tensor.values, offset);
  }
  const extra = [...tensors.keys()].find((name) => !layout.byName.has(name) && name !== 'lm_head.weight');
  if (extra) throw new TinyLmError('TINY_LM.FILE_INVALID', `model.safetensors ${extra}`, 'is not a tensor of this architecture');
  return parameters;
}

/** Writes the model folder, creating it. */
export function saveModelFolder(folder: string, model: TinyModel): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(writeModelFiles(model))) writeFileSync(join(folder, name), bytes);
}

/** Loads a model folder as written by this library or by `save_pretrained` of a tied float32 Llama with a byte-level tokenizer. */
export function loadModelFolder(folder: string): TinyModel {
  const files: Partial<ModelFiles> = {};
  for (const name of ['config.json', 'model.safetensors', 'tokenizer.json'] as const) {
    try {
      files[name] = readFileSync(join(folder, name));
    } catch (cause) {
      throw new TinyLmError('TINY_LM.FILE_INVALID', name, `cannot be read in ${folder}`, { cause });
    }
  }
  return readModelFiles(files);
}

/** sha256 of the parameters as little-endian float32, in layout order: the identity of a set of weights. */
export function parametersDigest(parameters: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(parameters.buffer, parameters.byteOffset, parameters.byteLength))
    .digest('hex');
}
