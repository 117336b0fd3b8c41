// SPDX-License-Identifier: Apache-2.0
// Proves with the real transformers library that the built-in models are standard ones. `npm run build` first, then `npm run test:hf-parity`.
// Installs Python packages into ~/.cache/millrace-ci/hf once (about 90 s and 5.6 GB, as PyPI's torch is the CUDA build; only the CPU is used).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['torch==2.15.0', 'transformers==5.23.0', 'tokenizers==0.23.3', 'safetensors==0.8.0', 'numpy==2.4.6'];
const library = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const tinyLm = require(join(library, '..', '..', 'dist', 'libs', 'tiny-lm', 'src', 'index.js'));
const { Generator, initialParameters, LlamaNetwork, loadModelFolder, parametersDigest, Random, saveModelFolder, Tokenizer } =
  tinyLm;

// ---- texts that tokenizers get wrong: scripts, marks, emoji, odd spaces, contractions, special tokens, code
const FIXED = [
  '',
  ' ',
  '  leading and trailing  ',
  "I'll say it's they've we'd you're I'm don't 'S 'T",
  'tabs\tand\nlines\r\nand\u0085next\u2028sep\u00a0nbsp\u3000wide\ufeffbom\u200bzero',
  '<|endoftext|>',
  'a<|endoftext|>b<|pad|><|pad|>c <|endoftext',
  'e\u0301 vs \u00e9, \u1e69 vs s\u0323\u0307',
  '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇪🇺',
  '१२३ ٤٥٦ ⅷ ½ ² 三',
  'const x = { a: [1, 2, 3], "b": null }; // done\n\tif (x?.a) return;',
  'nul\u0000 bell\u0007 del\u007f',
  'שלום עולם مرحبا بالعالم',
  '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𒀀 \u{10ffff}',
];
const RANGES = [
  [0x20, 0x7e],
  [0x20, 0x7e],
  [0xa0, 0x24f],
  [0x300, 0x36f],
  [0x370, 0x3ff],
  [0x400, 0x4ff],
  [0x590, 0x6ff],
  [0x900, 0x97f],
  [0xe00, 0xe7f],
  [0x2000, 0x206f],
  [0x2190, 0x22ff],
  [0x3040, 0x30ff],
  [0x4e00, 0x5fff],
  [0xac00, 0xafff],
  [0x1f300, 0x1f6ff],
];
const PIECES = [
  ' ',
  '  ',
  '\n',
  '\t ',
  "'s",
  "'ll",
  '<|endoftext|>',
  '123',
  ' Domain:',
  'the',
  ' animal',
  '\u00a0',
  '\r\n',
  '...',
  '\u0085',
  '\ufeff',
];

function variedTexts(count) {
  const random = Random.from('hf-parity', 1);
  const texts = [...FIXED];
  while (texts.length < count) {
    let text = '';
    for (let i = 1 + random.below(30); i > 0; i--) {
      if (random.uniform() < 0.3) text += PIECES[random.below(PIECES.length)];
      else {
        const [low, high] = RANGES[random.below(RANGES.length)];
        for (let n = 1 + random.below(6); n > 0; n--) text += String.fromCodePoint(low + random.below(high - low + 1));
      }
    }
    texts.push(text);
  }
  return texts;
}

const CHATS = [
  [{ role: 'user', content: 'a small cat\nDomain:' }],
  [
    { role: 'system', content: 'Answer with one word.' },
    { role: 'user', content: 'a large oak\nDomain:' },
    { role: 'assistant', content: ' plant ' },
    { role: 'user', content: 'bread\nDomain:' },
  ],
];

function expectations(model) {
  const random = Random.from('sequences', model.config.vocabSize);
  const network = new LlamaNetwork(model.config, { sequencesMax: 1, trainable: false });
  network.load(model.parameters);
  const sequences = [1, 7, model.config.contextTokens].map((tokens) => {
    const ids = Int32Array.from({ length: tokens }, () => random.below(model.config.vocabSize));
    const scored = Int32Array.from(ids.keys());
    const zeros = new Int32Array(tokens);
    const flat = network.forward({ sequences: 1, tokens, ids, scored, targets: zeros, weights: new Float32Array(tokens) });
    const v = model.config.vocabSize;
    return { ids: [...ids], logits: Array.from(ids, (_, t) => [...flat.subarray(t * v, (t + 1) * v)]) };
  });
  const generator = new Generator(model);
  const greedy = ['a small domesticated carnivore\nDomain:', 'the quick', 'wood'].map((text) => {
    const prompt = model.tokenizer.encode(text);
    const { tokens, finishReason } = generator.generate(prompt, { temperature: 0, maxTokens: 12 });
    const ids = tokens.map(({ id }) => id);
    return { prompt, maxTokens: 12, ids: finishReason === 'stop' ? [...ids, model.config.endOfTextId] : ids };
  });
  return { sequences, greedy };
}

const base = loadModelFolder(join(library, 'base'));
const grouped = {
  ...base.config,
  hiddenSize: 72,
  intermediateSize: 100,
  layers: 3,
  heads: 6,
  keyValueHeads: 2,
  contextTokens: 40,
  ropeTheta: 500000,
};
const models = {
  base,
  // Another shape: grouped key-value heads, another rotary base, weights large enough to matter.
  grouped: {
    config: grouped,
    parameters: initialParameters(grouped, 5).map((v) => (v === 1 ? 1 : v * 8)),
    tokenizer: base.tokenizer,
  },
};

function python() {
  const venv = join(process.env.MILLRACE_CI_CACHE ?? join(homedir(), '.cache', 'millrace-ci'), 'hf');
  const binary = join(venv, 'bin', 'python');
  const run = (command, args) => {
    const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
  };
  const stamp = join(venv, PACKAGES.join('+').replace(/[^a-z0-9.+=]/g, '_'));
  if (!existsSync(stamp)) {
    mkdirSync(dirname(venv), { recursive: true });
    run('python3', ['-m', 'venv', '--clear', venv]);
    run(binary, [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-cache-dir',
      '--no-compile',
      ...PACKAGES,
    ]);
    writeFileSync(stamp, '');
  }
  return binary;
}

const scratch = mkdtempSync(join(tmpdir(), 'hf-parity-'));
try {
  const texts = variedTexts(1000).map((text) => {
    const ids = base.tokenizer.encode(text);
    return { text, ids, decoded: base.tokenizer.decode(ids) };
  });
  const chats = CHATS.map((messages) => ({ messages, ids: base.tokenizer.encodeChat(messages) }));
  for (const [name, model] of Object.entries(models)) saveModelFolder(join(scratch, name), model);
  const expected = Object.fromEntries(Object.entries(models).map(([name, model]) => [name, expectations(model)]));
  writeFileSync(join(scratch, 'cases.json'), JSON.stringify({ texts, chats, models: expected }));
  const env = {
    ...process.env,
    HF_HUB_OFFLINE: '1',
    TQDM_DISABLE: '1',
    TRANSFORMERS_VERBOSITY: 'error',
    CUDA_VISIBLE_DEVICES: '',
  };
  const { status } = spawnSync(process.env.MILLRACE_HF_PYTHON ?? python(), [join(library, 'test', 'hf-parity.py'), scratch], {
    stdio: 'inherit',
    env,
  });
  if (status !== 0) throw new Error('transformers and tiny-lm disagree');
  // And back: what transformers saves again, this library loads with the same weights and the same ids.
  const again = loadModelFolder(join(scratch, 'base-saved-again'));
  if (parametersDigest(again.parameters) !== parametersDigest(base.parameters))
    throw new Error('weights changed on the way back');
  if (texts.some(({ text, ids }) => again.tokenizer.encode(text).join() !== ids.join()))
    throw new Error('ids changed on the way back');
  process.stdout.write('transformers loads what tiny-lm writes, and tiny-lm loads what transformers writes\n');
} finally {
  rmSync(scratch, { recursive: true });
}
