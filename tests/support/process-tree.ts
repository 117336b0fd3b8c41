// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';

/** One running process: its id, its parent's, and its whole command line. */
export interface RunningProcess {
  pid: number;
  parentPid: number;
  command: string;
}

/** All processes that a process has started, and those that these have started. */
export function processesBelow(pid: number): RunningProcess[] {
  const all = listProcesses();
  const childrenOf = (parent: number): RunningProcess[] =>
    all.filter((each) => each.parentPid === parent).flatMap((child) => [child, ...childrenOf(child.pid)]);
  return childrenOf(pid);
}

/** Those of the given processes that still run as what they were: an id that was given to another program does not count. */
export function stillRunning(processes: RunningProcess[]): RunningProcess[] {
  const all = listProcesses();
  return processes.filter(({ pid, command }) => all.some((each) => each.pid === pid && each.command === command));
}

function listProcesses(): RunningProcess[] {
  const lines = execFileSync('ps', ['-A', '-w', '-w', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    return found ? [{ pid: Number(found[1]), parentPid: Number(found[2]), command: found[3] }] : [];
  });
}
