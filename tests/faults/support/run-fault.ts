// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '#libs/clock';
import { check, isClean, type Findings } from './checker';
import type { Fault } from './fault';
import { FaultLab, outboxesEmpty } from './fault-lab';
import { gatherFacts } from './gather-facts';
import { History } from './history';
import { Traffic } from './traffic';
import { OutOfPatience, promised } from './wait';

export interface RunOptions {
  seed: number;
  rounds: number;
  long: boolean;
  /** Folder of the histories. */
  out: string;
}

/** Name of what one run of a fault leaves behind: each attempt has its own. */
export function attemptName(id: string, attempt: number): string {
  return attempt === 1 ? id : `${id}-attempt-${attempt}`;
}

export interface FaultResult {
  id: string;
  ok: boolean;
  skipped?: string;
  line: string;
  /** What went wrong, in sentences. */
  complaints: string[];
  /** The checker found nothing, and all that went wrong is that this suite ran out of patience. */
  lateOnly: boolean;
}

/** reliability.md: from healing; here from the end of the traffic, which comes after it. */
const OUTBOX_SECONDS_MAX = 30;
const QUIET_SECONDS_MAX = 180;
const FLOW_SECONDS_MAX = 120;

/** Traffic on, fault, heal, traffic off, wait until quiet, check, one line of figures. */
export async function runFault(fault: Fault, lab: FaultLab, options: RunOptions & { attempt: number }): Promise<FaultResult> {
  const { id } = fault;
  const history = new History(join(options.out, `${attemptName(id, options.attempt)}.jsonl`));
  const random = seededRandom(options.seed);
  const workspace = `${id.toLowerCase()}-${randomUUID().slice(0, 8)}`;
  history.write({ kind: 'start', fault: id, title: fault.title, seed: options.seed, rounds: options.rounds, workspace });
  const traffic = new Traffic({ lab, workspace, history, random, kinds: fault.traffic });
  let faults = 0;
  const complaints: string[] = [];
  let lateOnly = true;
  const complain = (what: string) => (error: unknown) => {
    lateOnly &&= error instanceof OutOfPatience;
    complaints.push(`${what}: ${(error as Error).message}`);
    history.write({ kind: 'complaint', what, error: (error as Error).stack });
  };
  await traffic.start();
  await traffic.flows();
  await fault
    .run({
      lab,
      traffic,
      workspace,
      random,
      rounds: options.rounds,
      long: options.long,
      fault: (kind, fields = {}) => {
        faults += 1;
        history.write({ kind: 'fault', fault: kind, ...fields });
      },
      note: (what, fields = {}) => history.write({ kind: 'note', what, ...fields }),
    })
    .catch(complain('expectation'));
  // What was never injected cannot have done harm: such a run would prove nothing.
  if (complaints.length === 0 && faults < options.rounds)
    complain('injection')(new Error(`${faults} faults in ${options.rounds} rounds`));
  const healedMs = performance.now();
  await lab.heal().catch(complain('heal'));
  await traffic.flows({ timeoutMs: FLOW_SECONDS_MAX * 1000 }).catch(complain('traffic after healing'));
  const recoverySeconds = (performance.now() - healedMs) / 1000;
  await traffic.stop();
  await outboxesEmpty(lab, OUTBOX_SECONDS_MAX * 1000, promised).catch(complain('outboxes'));
  const findings = await settle(fault, lab, { workspace, traffic });
  const found = [...findings.lost, ...findings.doubled, ...findings.outOfOrder, ...findings.other];
  complaints.push(...found);
  history.write({ kind: 'findings', ...findings });
  const ok = complaints.length === 0;
  const figures = {
    seed: options.seed,
    rounds: options.rounds,
    faults,
    acknowledged: findings.acknowledged,
    lost: findings.lost.length,
    doubled: findings.doubled.length,
    outOfOrder: findings.outOfOrder.length,
    longestUnavailabilitySeconds: traffic.longestUnavailabilitySeconds.toFixed(1),
    recoverySeconds: recoverySeconds.toFixed(1),
  };
  const text = Object.entries(figures).map(([name, value]) => `${name}=${value}`);
  lateOnly &&= !ok && found.length === 0;
  return { id, ok, complaints, lateOnly, line: `${id} ${text.join(' ')} ${ok ? 'ok' : 'FAILED'}` };
}

/** Asks until the checker finds nothing, for at most three minutes: what is under way must have come to an end by then. */
async function settle(
  fault: Fault,
  lab: FaultLab,
  { workspace, traffic }: { workspace: string; traffic: Traffic },
): Promise<Findings> {
  for (const endMs = performance.now() + QUIET_SECONDS_MAX * 1000; ;) {
    // Databases first: reading topics is dear, and pointless while the databases still move.
    const quick = check(await gatherFacts(lab, workspace, traffic.operations, { topics: false }), fault.expects);
    if (isClean(quick) || performance.now() > endMs) {
      const findings = check(await gatherFacts(lab, workspace, traffic.operations), fault.expects);
      if (isClean(findings) || performance.now() > endMs) return findings;
    }
    await delay(500);
  }
}
