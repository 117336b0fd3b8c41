// SPDX-License-Identifier: Apache-2.0
// Processor time and memory of whole trees of processes, from /proc (Linux).
import { readdirSync, readFileSync } from 'node:fs';
import { statOf } from './bench-kit';

const TICKS_PER_SECOND = 100;

export interface ProcessState {
  pid: number;
  command: string;
  /** Processor seconds of the process itself. */
  ownSeconds: number;
  /** Those of its children that have ended, and of theirs. */
  endedSeconds: number;
}

/** The given processes and all below them, at one moment. */
export function processTrees(roots: readonly number[]): ProcessState[] {
  const states = new Map<number, ProcessState>();
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const fields = /^\d+$/.test(entry) ? statOf(entry) : undefined;
    if (!fields) continue;
    const [pid, parentPid] = [Number(entry), Number(fields[1])];
    const seconds = (from: number): number => (Number(fields[from]) + Number(fields[from + 1])) / TICKS_PER_SECOND;
    states.set(pid, { pid, command: commandOf(pid), ownSeconds: seconds(11), endedSeconds: seconds(13) });
    children.set(parentPid, [...(children.get(parentPid) ?? []), pid]);
  }
  const below = (pid: number): ProcessState[] => {
    const state = states.get(pid);
    return state ? [state, ...(children.get(pid) ?? []).flatMap(below)] : [];
  };
  return roots.flatMap(below);
}

/**
 * Processor seconds of all of them. The difference of two moments holds also what processes used that were born or ended between
 * them: the time of an ended one moves into that of its parent, which waited for it.
 */
export function treeSeconds(states: readonly ProcessState[]): number {
  return states.reduce((sum, { ownSeconds, endedSeconds }) => sum + ownSeconds + endedSeconds, 0);
}

/** Resident memory of a process in MiB: pages that it shares with others are counted whole. */
export function residentMib(pid: number): number {
  return mibOf(pid, 'Rss');
}

/** The same with each shared page divided among those who share it, so that the sum over processes is what they take. */
export function proportionalMib(pid: number): number {
  return mibOf(pid, 'Pss');
}

/** 0 for a process that has just ended: it holds nothing any more. */
function mibOf(pid: number, field: 'Rss' | 'Pss'): number {
  try {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    return Number(found?.[1] ?? 0) / 1024;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
