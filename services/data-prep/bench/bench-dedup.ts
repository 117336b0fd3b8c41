// SPDX-License-Identifier: Apache-2.0
// Near-duplicate search: speed on one thread, recall and precision against exact Jaccard over string shingles, and a naive
// MinHash in the same run as the yardstick. `npm run bench:dedup [-- --documents 50000 --seed 1]` prints one JSON object.
import { NearDuplicateIndex, runToEnd, type NearDuplicateGraph } from '../src/near-duplicates/near-duplicate-index';
import { selectSurvivors } from '../src/near-duplicates/select-survivors';
import { bruteForcePairs, plantedDocuments, trueJaccard } from './planted-documents';

const THRESHOLD = 0.7;
const SHINGLE_WORDS = 5;
/** Documents of the run that is compared with brute force over ALL pairs (the rest is compared over its planted pairs). */
const ALL_PAIRS_DOCUMENTS = 5_000;
const GOAL_DOCUMENTS_PER_SECOND = 45_000;

function search(lines: string[]): { graph: NearDuplicateGraph; kept: number } {
  const index = new NearDuplicateIndex({ shingleWords: SHINGLE_WORDS, jaccardMin: THRESHOLD });
  for (const line of lines) index.add((JSON.parse(line) as { text: string }).text);
  const graph = runToEnd(index.search());
  return { graph, kept: selectSurvivors(graph, THRESHOLD).kept };
}

/** True if the search put the two documents side by side (an edge of their classes, or the same class). */
function pairFinder(graph: NearDuplicateGraph): (x: number, y: number) => boolean {
  const edges = new Set<string>();
  graph.a.forEach((a, i) => edges.add(`${a}-${graph.b[i]}`));
  return (x, y) => {
    const a = graph.sameAs[x];
    const b = graph.sameAs[y];
    return a === b || edges.has(`${Math.min(a, b)}-${Math.max(a, b)}`);
  };
}

/** What one finds in a tutorial: a Set of shingle strings, a hash per shingle and seed, a Map of band strings, no verification. */
function naiveMinHash(lines: string[]): { candidates: number } {
  const permutations = 128;
  const bands = 16;
  const buckets = new Map<string, number[]>();
  let candidates = 0;
  lines.forEach((line, document) => {
    const words = (JSON.parse(line) as { text: string }).text.toLowerCase().split(/[^a-z0-9]+/);
    const shingles = new Set<string>();
    for (let i = 0; i + SHINGLE_WORDS <= words.length; i++) shingles.add(words.slice(i, i + SHINGLE_WORDS).join(' '));
    const signature = new Array<number>(permutations).fill(0xffffffff);
    for (const shingle of shingles) {
      let hash = 0x811c9dc5;
      for (let i = 0; i < shingle.length; i++) hash = Math.imul(hash ^ shingle.charCodeAt(i), 0x01000193);
      for (let p = 0; p < permutations; p++) {
        const value = (Math.imul(hash, 2 * p + 1) + Math.imul(p, 0x9e3779b1)) >>> 0;
        if (value < signature[p]) signature[p] = value;
      }
    }
    const near = new Set<number>();
    for (let band = 0; band < bands; band++) {
      const key = `${band}:${signature.slice((band * permutations) / bands, ((band + 1) * permutations) / bands).join(',')}`;
      const bucket = buckets.get(key);
      if (bucket) {
        bucket.forEach((other) => near.add(other));
        bucket.push(document);
      } else buckets.set(key, [document]);
    }
    candidates += near.size;
  });
  return { candidates };
}

function quality(texts: string[], pairs: { copy: number; source: number }[], graph: NearDuplicateGraph) {
  const isFound = pairFinder(graph);
  const truePairs = pairs.filter(({ copy, source }) => trueJaccard(texts[copy], texts[source], SHINGLE_WORDS) >= THRESHOLD);
  const found = truePairs.filter(({ copy, source }) => isFound(copy, source)).length;
  let wrong = 0;
  graph.a.forEach((a, i) => {
    if (trueJaccard(texts[a], texts[graph.b[i]], SHINGLE_WORDS) < THRESHOLD) wrong++;
  });
  const accepted = graph.a.length;
  return {
    truePairs: truePairs.length,
    recall: found / truePairs.length,
    acceptedPairs: accepted,
    precision: (accepted - wrong) / accepted,
  };
}

function allPairsQuality(texts: string[]) {
  const truth = bruteForcePairs(texts, SHINGLE_WORDS, THRESHOLD);
  const { graph } = search(texts.map((text) => JSON.stringify({ text })));
  const isFound = pairFinder(graph);
  const found = [...truth.keys()].filter((pair) => isFound(...(pair.split('-').map(Number) as [number, number]))).length;
  const right = [...graph.a].filter((a, i) => truth.has(`${a}-${graph.b[i]}`)).length;
  return { documents: texts.length, truePairs: truth.size, recall: found / truth.size, precision: right / graph.a.length };
}

function numberOption(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? Number(process.argv[at + 1]) : fallback;
}

function timed<T>(work: () => T): { seconds: number; cpuSeconds: number; value: T } {
  const start = performance.now();
  const cpu = process.cpuUsage();
  const value = work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6, value };
}

function main(): void {
  const documents = numberOption('documents', 50_000);
  const seed = numberOption('seed', 1);
  const planted = plantedDocuments({ documents, words: 200, copyShare: 0.2, editShareMax: 0.12, seed });
  const lines = planted.texts.map((text) => JSON.stringify({ text }));
  const megabytes = lines.reduce((sum, line) => sum + line.length, 0) / 1e6;
  search(lines.slice(0, 2_000)); // compile the hot loops before timing
  const runs = [timed(() => search(lines)), timed(() => search(lines)), timed(() => search(lines))];
  const best = runs.reduce((x, y) => (x.seconds <= y.seconds ? x : y));
  const naive = timed(() => naiveMinHash(lines.slice(0, Math.min(documents, 5_000))));
  const naiveDocuments = Math.min(documents, 5_000);
  const documentsPerSecond = documents / best.seconds;
  const planted070 = quality(planted.texts, planted.pairs, best.value.graph);
  const allPairs = allPairsQuality(planted.texts.slice(0, ALL_PAIRS_DOCUMENTS));
  const perfect = [planted070.recall, planted070.precision, allPairs.recall, allPairs.precision].every((value) => value === 1);
  const report = {
    bench: 'dedup',
    seed,
    documents,
    wordsPerDocument: 200,
    megabytes: Math.round(megabytes),
    threshold: THRESHOLD,
    includes: 'JSON.parse, shingling, one-permutation MinHash, 32x4 bands, exact Jaccard, survivor choice; one thread',
    secondsPerRun: runs.map((run) => Number(run.seconds.toFixed(3))),
    documentsPerSecond: Math.round(documentsPerSecond),
    // Of all threads of the process, garbage collection included: what remains comparable on a busy machine.
    documentsPerCpuSecond: Math.round(documents / Math.min(...runs.map((run) => run.cpuSeconds))),
    megabytesPerSecond: Number((megabytes / best.seconds).toFixed(1)),
    kept: best.value.kept,
    recall: planted070.recall,
    precision: planted070.precision,
    planted: planted070,
    allPairs,
    baseline: {
      name: 'naive MinHash, 128 permutations, 16x8, no verification',
      documentsPerSecond: Math.round(naiveDocuments / naive.seconds),
    },
    ratio: Number((documentsPerSecond / (naiveDocuments / naive.seconds)).toFixed(1)),
    rssMegabytes: Math.round(process.memoryUsage().rss / 1e6),
    goal: {
      documentsPerSecond: GOAL_DOCUMENTS_PER_SECOND,
      recall: 1,
      precision: 1,
      met: perfect && documentsPerSecond >= GOAL_DOCUMENTS_PER_SECOND,
    },
  };
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (!perfect) process.exitCode = 1;
}

main();
