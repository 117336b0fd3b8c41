// SPDX-License-Identifier: Apache-2.0
// Builds assembly/kernels.ts into wasm/kernels.wasm. With --check it builds elsewhere and compares: the committed module must be this source's.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const library = dirname(dirname(fileURLToPath(import.meta.url)));
const source = relative(process.cwd(), join(library, 'assembly', 'kernels.ts'));
const committed = join(library, 'wasm', 'kernels.wasm');
const isCheck = process.argv.includes('--check');
const scratch = mkdtempSync(join(tmpdir(), 'kernels-'));
const target = isCheck ? join(scratch, 'kernels.wasm') : committed;

const options = '-O3 --noAssert --runtime stub --enable simd --enable bulk-memory --importMemory --initialMemory 1'.split(' ');
// `--use abort=` leaves out the import of an error function that these kernels never call.
const { error, stderr } = await asc.main([source, '-o', target, '--use', 'abort=', ...options]);
if (error) {
  process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
  process.exitCode = 1;
} else if (isCheck) {
  const isSame = readFileSync(target).equals(readFileSync(committed));
  process.stdout.write(
    isSame ? 'kernels.wasm is the build of its source\n' : 'kernels.wasm differs from a fresh build: npm run wasm:build\n',
  );
  process.exitCode = isSame ? 0 : 1;
}
rmSync(scratch, { recursive: true });
