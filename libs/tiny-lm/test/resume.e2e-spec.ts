// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Trainer, type TrainerInput } from '../src/index';
import { resumableInput } from './checkpoint-worker';

const scratch = mkdtempSync(join(tmpdir(), 'resume-'));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Line {
  step?: number;
  loss?: number;
  digest?: string;
}

// Runs a training process; kills it without warning once it has reported `killAfter` steps.
async function runProcess(folder: string, method: string, options: { from?: string; killAfter?: number } = {}): Promise<Line[]> {
  const script = [join(__dirname, 'run-typescript.cjs'), join(__dirname, 'checkpoint-worker.ts'), folder, method];
  const child = spawn(process.execPath, options.from ? [...script, options.from] : script, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Line[] = [];
  const closed = once(child, 'close');
  for await (const text of createInterface({ input: child.stdout })) {
    lines.push(JSON.parse(text) as Line);
    if (lines.length === options.killAfter) child.kill('SIGKILL');
  }
  const [code, signal] = (await closed) as [number | null, string | null];
  // A process that is faster than its killer ends by itself: its checkpoints serve just as well.
  expect(signal ?? code).toBe(signal === null ? 0 : 'SIGKILL');
  return lines;
}

describe.each(['full', 'lora'])('a killed run (%s)', (method) => {
  it('resumed in a fresh process has the same losses and weights as one never killed, bit for bit', async () => {
    const whole = await runProcess(join(scratch, `${method}-whole`), method);
    expect(whole).toHaveLength(25);
    const folder = join(scratch, `${method}-killed`);
    const killed = await runProcess(folder, method, { killAfter: 11 });
    expect(killed.slice(0, 11)).toEqual(whole.slice(0, 11));
    for (const done of [9, 3]) {
      const resumed = await runProcess(join(scratch, `${method}-from-${done}`), method, { from: join(folder, `step-${done}`) });
      expect(resumed).toEqual(whole.slice(done));
    }
  }, 60_000);
});

describe('a checkpoint', () => {
  const folder = join(scratch, 'refusals', 'step-2');
  const input = resumableInput('full');
  const trainer = new Trainer(input);
  trainer.step();
  trainer.step();
  trainer.checkpoint(folder);
  const manifestPath = join(folder, 'checkpoint.json');
  const manifest = readFileSync(manifestPath, 'utf8');
  afterEach(() => writeFileSync(manifestPath, manifest));

  const other = (change: (copy: TrainerInput) => TrainerInput): TrainerInput => change(resumableInput('full'));
  it.each([
    [
      'baseDigest',
      other((run) => ({ ...run, base: { ...run.base, parameters: run.base.parameters.map((v, i) => (i === 7 ? v + 1 : v)) } })),
    ],
    ['settings.learningRate', other((run) => ({ ...run, settings: { ...run.settings, learningRate: 1e-4 } }))],
    ['settings.steps', other((run) => ({ ...run, settings: { ...run.settings, steps: 25 } }))],
    ['settings.seed', other((run) => ({ ...run, settings: { ...run.settings, seed: 10 } }))],
    [
      'settings.method.kind',
      other((run) => ({
        ...run,
        settings: { ...run.settings, method: { kind: 'lora', rank: 2, alpha: 2, targets: ['q_proj'] } },
      })),
    ],
    [
      'dataDigest',
      other((run) => ({ ...run, pools: [run.pools[0], { ...run.pools[1], examples: run.pools[1].examples.slice(1) }] })),
    ],
    [
      'model.rms_norm_eps',
      other((run) => ({ ...run, base: { ...run.base, config: { ...run.base.config, rmsNormEpsilon: 1e-6 } } })),
    ],
  ])('of another run is refused, naming %s', (field, run) => {
    const named = expect.objectContaining({ code: 'TINY_LM.CHECKPOINT_MISMATCH', field: `checkpoint ${field}` });
    expect(() => Trainer.resume(folder, run)).toThrow(named);
  });

  it.each([
    ['schema', (text: string) => text.replace('checkpoint/v1', 'checkpoint/v9'), /schema/],
    ['tokenizer digest', (text: string) => text.replace(/"tokenizerDigest": "./, '"tokenizerDigest": "x'), /tokenizerDigest/],
    ['file digest', (text: string) => text.replace(/"sha256": "./, '"sha256": "x'), /files\.state\.safetensors\.sha256.*altered/],
    ['JSON', (text: string) => text.slice(0, 50), /checkpoint\.json: cannot be read/],
  ])('with an altered %s is refused by name', (_, spoil, reason) => {
    writeFileSync(manifestPath, spoil(manifest));
    expect(() => Trainer.resume(folder, input)).toThrow(reason);
  });

  it('with altered weights is refused', () => {
    const path = join(folder, 'state.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
    expect(() => Trainer.resume(folder, input)).toThrow(/files\.state\.safetensors\.sha256/);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
    expect(Trainer.resume(folder, input).stepCount).toBe(2);
  });

  it('is never written over, and leaves nothing half-written beside it', () => {
    expect(() => trainer.checkpoint(folder)).toThrow(/ENOTEMPTY|EEXIST/);
    expect(readdirSync(folder).sort()).toEqual(['checkpoint.json', 'state.safetensors']);
    expect(readdirSync(join(folder, '..'))).toEqual(['step-2']);
  });
});
