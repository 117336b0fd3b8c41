// SPDX-License-Identifier: Apache-2.0
import { isAppError } from '#libs/errors';

/** Why an attempt failed; decides about another one. The same words as the proto's FailureClass. */
export type FailureClass = 'data' | 'user' | 'out-of-memory' | 'infrastructure' | 'quota' | 'lost';

export const failureClasses: readonly FailureClass[] = ['data', 'user', 'out-of-memory', 'infrastructure', 'quota', 'lost'];

/** One fault, by field or row: `inputs[0].rows[17].label`. Rows count from 1. */
export interface JobViolation {
  field: string;
  message: string;
}

/** How an attempt or a job failed. */
export interface JobFailure {
  failureClass: FailureClass;
  /** Stable code, such as `TRAINING.ROWS_INVALID`. */
  code: string;
  message: string;
  violations?: JobViolation[];
}

export interface RetryPolicy {
  attemptsMax: number;
  /** Delay before the second attempt, in seconds; doubles with each one. */
  backoffSeconds: number;
  backoffSecondsMax: number;
}

export type RetryDecision = { retry: true; delaySeconds: number } | { retry: false; reason: string };

// Trying again helps only where the cause may pass by itself: the same rows, settings and memory bound give the same failure.
const passesByItself: Record<FailureClass, boolean> = {
  data: false,
  user: false,
  'out-of-memory': false,
  infrastructure: true,
  quota: false,
  lost: true,
};

/** Whether a job that failed `failures` times, last in this way, gets another attempt, and after how long. */
export function decideRetry(failureClass: FailureClass, failures: number, policy: RetryPolicy): RetryDecision {
  if (!passesByItself[failureClass]) return { retry: false, reason: `a failure of class ${failureClass} would repeat` };
  if (failures >= policy.attemptsMax) return { retry: false, reason: `${failures} of ${policy.attemptsMax} attempts failed` };
  return { retry: true, delaySeconds: Math.min(policy.backoffSeconds * 2 ** (failures - 1), policy.backoffSecondsMax) };
}

// The disk is full, or no file is left to open.
const PASSING_SYSTEM_CODES = ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'];

/** A fault of what the service stands on (database, blobs, peers, disk): it passes, and says nothing about the job or its trainer. */
export function isPassing(error: unknown): boolean {
  if (isAppError(error)) return error.retry !== 'never' && error.code !== 'TRAINING.TRAINER_NOT_STARTED';
  return PASSING_SYSTEM_CODES.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** How a trainer process ended, as far as its parent (or the next service process) can tell. */
export interface ProcessEnd {
  /** Exit status, or null when a signal ended it or nobody saw it end. */
  exitCode: number | null;
  signal: string | null;
  /** Last bytes of its standard error. */
  stderrTail: string;
  /** True when this process was not its parent and only found it gone. */
  unseen: boolean;
}

// sysexits.h: EX_DATAERR, EX_USAGE/EX_CONFIG, EX_UNAVAILABLE and EX_TEMPFAIL; the worker contract (docs of the service) names them.
const classOfExitCode: Record<number, FailureClass> = {
  64: 'user',
  65: 'data',
  69: 'infrastructure',
  75: 'infrastructure',
  78: 'user',
  137: 'infrastructure',
};

const OUT_OF_MEMORY = /heap out of memory|Cannot allocate memory|MemoryError|out of memory/i;

/** Class of a failure of which the trainer left no account: it was killed, crashed, or vanished. */
export function classifyProcessEnd(end: ProcessEnd): JobFailure {
  const tail = end.stderrTail.trim().split('\n').slice(-3).join(' | ').slice(-500);
  const said = tail ? `; it said: ${tail}` : '';
  if (OUT_OF_MEMORY.test(end.stderrTail)) {
    return { failureClass: 'out-of-memory', code: 'TRAINING.OUT_OF_MEMORY', message: `the trainer ran out of memory${said}` };
  }
  if (end.unseen) {
    return { failureClass: 'lost', code: 'TRAINING.TRAINER_LOST', message: `the trainer vanished without an account${said}` };
  }
  if (end.signal) {
    return {
      failureClass: 'infrastructure',
      code: 'TRAINING.TRAINER_KILLED',
      message: `the trainer was ended by ${end.signal}${said}`,
    };
  }
  const failureClass = classOfExitCode[end.exitCode ?? -1] ?? 'user';
  return {
    failureClass,
    code: 'TRAINING.TRAINER_CRASHED',
    message: `the trainer exited with status ${end.exitCode} without a result${said}`,
  };
}
