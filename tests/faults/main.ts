// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { allFaults } from './all-faults';
import type { Fault } from './support/fault';
import { FaultLab } from './support/fault-lab';
import { attemptName, runFault, type FaultResult, type RunOptions } from './support/run-fault';

const print = (line: string): boolean => process.stdout.write(`${line}\n`);

/** Longest time of one fault in the short form; on a quiet machine the longest takes 80 s. */
const MINUTES_MAX = 8;

const usage = `npm run test:faults -- [options]
  --only F1,F6   these faults only
  --rounds N     rounds of each fault (default 1)
  --long         the full values of times and counts
  --seed N       default: by the clock; printed
  --out DIR      where the histories go (default: a new folder under the system's temporary one; printed)
  --list         what there is`;

interface Options extends RunOptions {
  faults: readonly Fault[];
  /** Faults were named with --only. */
  named: boolean;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      out: { type: 'string' },
      long: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
  if (values.list) {
    for (const { id, title } of allFaults) print(`${id.padEnd(4)} ${title}`);
    return undefined;
  }
  const wanted = values.only?.toUpperCase().split(',');
  const unknown = wanted?.filter((id) => !allFaults.some((fault) => fault.id === id)) ?? [];
  if (unknown.length > 0) throw new Error(`--only: there is no fault ${unknown.join(', ')}; see --list`);
  return {
    faults: allFaults.filter((fault) => wanted === undefined || wanted.includes(fault.id)),
    rounds: wholeNumber('--rounds', values.rounds),
    seed: wholeNumber('--seed', values.seed),
    long: values.long,
    out: values.out === undefined ? mkdtempSync(join(tmpdir(), 'millrace-faults-history-')) : resolve(values.out),
    named: wanted !== undefined,
  };
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${flag} must be a whole number above 0, not "${text}"`);
  return value;
}

/** Runs the faults one after the other; the shared lab is started by the first that needs it and given up after a failure. */
class Suite {
  private shared?: FaultLab;
  /** The lab of the fault under way, when it has its own. */
  private own?: FaultLab;
  readonly results: FaultResult[] = [];
  /** First runs of faults that got a second one. */
  readonly again: FaultResult[] = [];

  constructor(private readonly options: Options) {}

  async run(): Promise<void> {
    for (const fault of this.options.faults) {
      const startedMs = performance.now();
      let result = await this.runOne(fault, 1);
      this.print(fault, result, startedMs);
      // The machine of CI is shared, and its pauses are not the product's. All else fails at once: what was lost, doubled, disordered or
      // left undone, and a time that is promised and was not kept.
      if (result.lateOnly) {
        this.again.push(result);
        print(
          `${fault.id} once more: nothing lost, doubled or out of order, no promise broken, but too late for this suite's patience`,
        );
        result = await this.runOne(fault, 2);
        this.print(fault, result, startedMs);
      }
      this.results.push(result);
    }
  }

  private print(fault: Fault, result: FaultResult, startedMs: number): void {
    print(`${result.line} (${((performance.now() - startedMs) / 1000).toFixed(0)} s) ${fault.title}`);
    for (const complaint of result.complaints.slice(0, 20)) print(`     ${complaint}`);
    if (result.complaints.length > 20)
      print(`     and ${result.complaints.length - 20} more: see its history in ${this.options.out}`);
  }

  async close(): Promise<void> {
    const labs = [this.shared, this.own];
    [this.shared, this.own] = [undefined, undefined];
    for (const lab of labs) await lab?.close();
  }

  private async runOne(fault: Fault, attempt: number): Promise<FaultResult> {
    const { longOnly } = fault;
    const leftOut = longOnly !== undefined && !this.options.long && !this.options.named;
    const skipped = leftOut ? `long form only: ${longOnly}` : await fault.unable?.();
    if (skipped !== undefined)
      return { id: fault.id, ok: true, lateOnly: false, skipped, complaints: [], line: `${fault.id} skipped: ${skipped}` };
    // One platform at a time: two would starve each other on a small machine.
    if (fault.ownLab || fault.services) await this.close();
    let own: FaultLab | undefined;
    try {
      if (fault.ownLab || fault.services) this.own = own = await FaultLab.start({ services: fault.services, ...fault.ownLab });
      else this.shared ??= await FaultLab.start();
      const result = await this.within(runFault(fault, (own ?? this.shared) as FaultLab, { ...this.options, attempt }));
      if (!result.ok) await this.keepLogs(attemptName(fault.id, attempt), (own ?? this.shared) as FaultLab);
      return result;
    } catch (error) {
      const complaints = [(error as Error).stack ?? String(error)];
      const lab = own ?? this.shared;
      if (lab) await this.keepLogs(attemptName(fault.id, attempt), lab);
      return { id: fault.id, ok: false, lateOnly: false, complaints, line: `${fault.id} seed=${this.options.seed} FAILED` };
    } finally {
      if (own) await this.close();
    }
  }

  /** A fault that hangs must not hang the suite: its lab is closed below, which ends whatever it waits for. */
  private async within<T>(running: Promise<T>): Promise<T> {
    const seconds = MINUTES_MAX * 60 * this.options.rounds * (this.options.long ? 10 : 1);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`did not end within ${seconds} s`)), seconds * 1000);
    });
    try {
      return await Promise.race([running, late]);
    } finally {
      clearTimeout(timer);
      // Once it is late nobody waits for it any more; what it says then is told already.
      running.catch(() => undefined);
    }
  }

  /** After a failure the lab may be in any state: its logs are kept beside the history, and the next fault gets a new one. */
  private async keepLogs(name: string, lab: FaultLab): Promise<void> {
    lab.copyLogs(join(this.options.out, `${name}-logs`));
    if (lab === this.shared) await this.close();
  }
}

async function main(): Promise<number> {
  const options = readOptions();
  if (!options) return 0;
  print(`histories: ${options.out}`);
  const suite = new Suite(options);
  const abort = (): void => void suite.close().then(() => process.exit(130));
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  try {
    await suite.run();
  } finally {
    await suite.close();
  }
  const failed = suite.results.filter(({ ok }) => !ok);
  const skipped = suite.results.filter((result) => result.skipped !== undefined);
  // Once more at the end: a log that keeps only its last lines still says what failed.
  for (const { line, complaints } of failed) print([line, ...complaints.slice(0, 5)].join('\n     '));
  for (const { line, complaints } of suite.again)
    print([`second run needed: ${line}`, ...complaints.slice(0, 5)].join('\n     '));
  const twice = suite.again.length === 0 ? '' : `, ${suite.again.length} run twice`;
  print(`${suite.results.length} faults, ${failed.length} failed, ${skipped.length} skipped${twice}; seed ${options.seed}`);
  print(`histories: ${options.out}`);
  return failed.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n\n${usage}\n`);
    process.exit(64);
  },
);
