// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  loadModelFolder,
  packageFile,
  parameterCount,
  parametersDigest,
  readModelFiles,
  writeModelFiles,
  type ModelFiles,
} from '../src/index';
import { readSafetensors, writeSafetensors } from '../src/safetensors';
import { smallModel } from './small-model';

const files = writeModelFiles(smallModel());
const altered = (name: keyof ModelFiles, change: (text: string) => string): Partial<ModelFiles> => ({
  ...files,
  [name]: Buffer.from(change(files[name].toString('utf8')), 'utf8'),
});
const config = (change: Record<string, unknown>): Partial<ModelFiles> =>
  altered('config.json', (text) => JSON.stringify({ ...(JSON.parse(text) as object), ...change }));

describe('model files', () => {
  it('come back as they were written', () => {
    const model = smallModel();
    const read = readModelFiles(files);
    expect(read.config).toEqual(model.config);
    expect(parametersDigest(read.parameters)).toBe(parametersDigest(model.parameters));
    expect(read.parameters.length).toBe(parameterCount(model.config));
    expect(read.tokenizer.digest()).toBe(model.tokenizer.digest());
    expect(writeModelFiles(read)).toEqual(files);
  });

  it('of the committed base load and are what the model card says', () => {
    const base = loadModelFolder(packageFile('base'));
    expect(base.parameters.length).toBe(166_208);
    // Byte for byte what the library writes: the script that made it can be compared with it.
    for (const [name, bytes] of Object.entries(writeModelFiles(base))) {
      expect(readFileSync(join(packageFile('base'), name)).equals(bytes)).toBe(true);
    }
    expect(parametersDigest(base.parameters)).toBe('1cb63e60a7ed77381ac71dcb66c08f0ce0ade14ceadc4d414c38134dc7e99a7c');
  });

  it.each([
    ['another architecture', config({ model_type: 'gpt2' }), /model_type/],
    ['untied embeddings', config({ tie_word_embeddings: false }), /tie_word_embeddings/],
    ['scaled positions', config({ rope_parameters: { rope_type: 'yarn', rope_theta: 1e4 } }), /rope_parameters\.rope_type/],
    ['heads that do not divide', config({ num_attention_heads: 5 }), /hidden_size: must be a multiple of num_attention_heads/],
    ['odd head width', config({ hidden_size: 20 }), /even width/],
    ['key-value heads that do not divide', config({ num_key_value_heads: 3 }), /num_key_value_heads/],
    ['a size that is no number', config({ vocab_size: '300' }), /vocab_size/],
    [
      'another width than the tensors',
      config({ intermediate_size: 44 }),
      /gate_proj\.weight: has shape \[40, 24\], expected \[44, 24\]/,
    ],
    ['a vocabulary smaller than the tokenizer', config({ vocab_size: 40 }), /vocab_size: is 40/],
    ['no JSON', altered('config.json', () => '{'), /config\.json: is not JSON/],
    ['a missing file', { ...files, 'tokenizer.json': undefined }, /tokenizer\.json: is missing/],
    ['a cut tensor file', { ...files, 'model.safetensors': files['model.safetensors'].subarray(0, 9000) }, /model\.safetensors/],
    ['an empty tensor file', { ...files, 'model.safetensors': Buffer.alloc(0) }, /model\.safetensors/],
  ])('with %s are refused by name', (_, broken, reason) => {
    expect(() => readModelFiles(broken)).toThrow(reason);
  });

  it('in a folder that is not there are refused by name', () => {
    expect(() => loadModelFolder('/nowhere/at/all')).toThrow(/config\.json: cannot be read/);
  });
});

describe('safetensors', () => {
  const one = writeSafetensors([{ name: 'a', shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) }]);

  it('aligns its header to 8 bytes and keeps values and shapes', () => {
    expect(Number(one.readBigUInt64LE(0)) % 8).toBe(0);
    const tensor = readSafetensors(one).get('a');
    expect(tensor?.shape).toEqual([2, 3]);
    expect([...(tensor?.values ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([
    ['a header longer than the file', (bytes: Buffer) => bytes.writeBigUInt64LE(10_000n, 0), /does not fit the file/],
    ['another type', (bytes: Buffer) => bytes.write('"BF1"', bytes.indexOf('"F32"')), /only F32/],
    ['a shape that does not fit', (bytes: Buffer) => bytes.write('[2,9]', bytes.indexOf('[2,3]')), /do not fit shape/],
  ])('refuses %s', (_, spoil, reason) => {
    const bytes = Buffer.from(one);
    spoil(bytes);
    expect(() => readSafetensors(bytes)).toThrow(reason);
  });
});
