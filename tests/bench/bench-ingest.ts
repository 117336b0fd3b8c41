// SPDX-License-Identifier: Apache-2.0
// JSON lines over HTTP through validation into stored chunks, in MB/s, beside copying the same file with `cat | split -l`, each piece
// synced as ours are; memory beside a bare server that writes the same upload to a file. One row in 1,000 is bad.
// Run: npm run bench:ingest [-- --scale small] [--assert]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { benchArguments, BenchRig, cpuSecondsOf, memoryMbMostOf, report, round } from './bench-kit';

const BYTES = { small: 24e6, full: 1e9 };
const TARGET_MB_PER_SECOND = 60;
const TARGET_RSS_MB = 400;

interface Planted {
  rows: number;
  bad: number;
  bytes: number;
}

/** Rows of about 330 bytes: text with some escapes and some letters beyond ASCII, numbers, a nested object. */
function plant(file: string, bytesWanted: number): Planted {
  const planted: Planted = { rows: 0, bad: 0, bytes: 0 };
  const bad = ['{"text":"broken', '[1,2]', '{"text":"a","text":"b"}', '{"text":"nul \\u0000"}'];
  const words = 'a small river turns the wheel of this old mill all day long and nobody asks it why'.split(' ');
  const descriptor = openSync(file, 'w');
  while (planted.bytes < bytesWanted) {
    const lines: string[] = [];
    for (let n = 0; n < 10_000; n += 1) {
      planted.rows += 1;
      if (planted.rows % 1000 === 0) {
        lines.push(bad[planted.bad % bad.length]);
        planted.bad += 1;
        continue;
      }
      const text = Array.from({ length: 36 }, (_, at) => words[(planted.rows * 7 + at * at) % words.length]).join(' ');
      const spiced = planted.rows % 10 === 0 ? `${text} d\u00e9j\u00e0 vu` : planted.rows % 7 === 0 ? `${text}\n"quoted"` : text;
      const row = {
        id: planted.rows,
        text: spiced,
        label: 'plant',
        score: (planted.rows % 97) / 97,
        meta: { source: 'bench', ok: true },
      };
      lines.push(JSON.stringify(row));
    }
    planted.bytes += writeSync(descriptor, `${lines.join('\n')}\n`);
  }
  // Otherwise the disk still writes this file while the baseline runs.
  fsyncSync(descriptor);
  closeSync(descriptor);
  return planted;
}

interface Version {
  id: string;
  rowsRead: string;
  rowsKept: string;
  rowsQuarantined: string;
  bytes: string;
  contentDigest: string;
}

/** The answer's body. */
function upload(baseUrl: string, file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${baseUrl}/api/v1/datasets/bench/versions?format=jsonl`,
      { method: 'POST', headers: { 'content-type': 'application/x-ndjson', 'content-length': statSync(file).size } },
      (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part: Buffer) => parts.push(part));
        reply.on('end', () => {
          const text = Buffer.concat(parts).toString();
          if (reply.statusCode === 201) resolve(text);
          else reject(new Error(`upload answered ${reply.statusCode}: ${text}`));
        });
      },
    );
    pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), outgoing).catch(reject);
  });
}

/** The stored rows are what was promised: count, length and digest of the export. */
async function checkExport(baseUrl: string, version: Version): Promise<string[]> {
  const reply = await fetch(`${baseUrl}/api/v1/dataset-versions/${version.id}/export`);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of reply.body as unknown as AsyncIterable<Uint8Array>) {
    hash.update(part);
    bytes += part.length;
  }
  const faults: string[] = [];
  if (bytes !== Number(version.bytes)) faults.push(`export has ${bytes} bytes, the version says ${version.bytes}`);
  if (hash.digest('hex') !== version.contentDigest) faults.push('the export does not have the content digest');
  return faults;
}

/** Seconds of copying the file in pieces of as many rows as our chunks have, each synced, and the folder. */
function copyInPieces(file: string, folder: string): number {
  mkdirSync(folder);
  const startMs = performance.now();
  const copy = spawnSync('sh', [
    '-c',
    `cat '${file}' | split -a 4 -l 12000 - '${folder}/part-' && sync '${folder}'/part-* '${folder}'`,
  ]);
  const seconds = (performance.now() - startMs) / 1000;
  if (copy.status !== 0) throw new Error(`split failed: ${copy.stderr.toString()}`);
  rmSync(folder, { recursive: true });
  return seconds;
}

/** The same upload to a server that only writes it to a file and syncs that. */
async function bareUpload(rig: BenchRig, file: string): Promise<{ seconds: number; mostMb: number }> {
  const copy = join(rig.folder, 'bare-upload');
  const server = await rig.program(join(__dirname, 'bare-upload-server.js'), [copy], {});
  const startMs = performance.now();
  await upload(server.baseUrl, file);
  const seconds = (performance.now() - startMs) / 1000;
  const mostMb = memoryMbMostOf(server.pid);
  await server.stop();
  if (statSync(copy).size !== statSync(file).size) throw new Error('the bare server did not store the whole upload');
  rmSync(copy);
  return { seconds, mostMb };
}

async function main(): Promise<void> {
  const options = benchArguments();
  const rig = await BenchRig.open();
  try {
    const file = join(rig.folder, 'rows.jsonl');
    const planted = plant(file, BYTES[options.scale]);
    const megabytes = planted.bytes / 1e6;
    const copySeconds = copyInPieces(file, join(rig.folder, 'copies'));
    const bare = await bareUpload(rig, file);

    const ingestion = await rig.service('ingestion', { RUN_CONSUMERS: 'false' });
    const cpuBefore = cpuSecondsOf(ingestion.pid);
    const startMs = performance.now();
    const version = JSON.parse(await upload(ingestion.baseUrl, file)) as Version;
    const seconds = (performance.now() - startMs) / 1000;
    const cpuSeconds = cpuSecondsOf(ingestion.pid) - cpuBefore;
    const mostMb = memoryMbMostOf(ingestion.pid);
    const faults = await checkExport(ingestion.baseUrl, version);
    const expected = [planted.rows, planted.rows - planted.bad, planted.bad];
    const found = [version.rowsRead, version.rowsKept, version.rowsQuarantined].map(Number);
    if (found.join() !== expected.join())
      faults.push(`rows read, kept, quarantined: ${found.join()}, expected ${expected.join()}`);
    await ingestion.stop();
    report(
      'ingest',
      options,
      [
        {
          name: 'upload',
          value: round(megabytes / seconds, 1),
          unit: 'MB/s',
          baseline: { what: 'cat | split -l, pieces synced', value: round(megabytes / copySeconds, 1) },
          ratio: round(copySeconds / seconds),
          target: { at: 'least', value: TARGET_MB_PER_SECOND, of: 'value' },
          cpuSeconds: round(cpuSeconds, 2),
          megabytes: round(megabytes, 1),
          bareServerMegabytesPerSecond: round(megabytes / bare.seconds, 1),
          rows: planted.rows,
          megabytesPerCpuSecond: round(megabytes / cpuSeconds, 1),
        },
        {
          name: 'resident memory, most',
          value: Math.round(mostMb),
          unit: 'MB',
          baseline: { what: 'bare server that writes the upload to a file', value: Math.round(bare.mostMb) },
          ratio: round(mostMb / bare.mostMb, 2),
          target: { at: 'most', value: TARGET_RSS_MB, of: 'value' },
        },
      ],
      faults,
    );
  } finally {
    await rig.close();
  }
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
