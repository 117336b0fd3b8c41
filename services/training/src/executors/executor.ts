// SPDX-License-Identifier: Apache-2.0
import type { ProcessEnd } from '../jobs/failure';
import type { ExecutorHandle } from '../jobs/job';

export interface AttemptStart {
  /** Absolute; holds job.json. */
  folder: string;
  command: readonly string[];
  /** Unique to the attempt; given to the process on its command line. */
  attemptToken: string;
}

export type ExecutorStatus = { alive: true } | { alive: false; end: ProcessEnd };

/** Runs trainer processes. Later: Ray and Kubernetes jobs behind the same port. */
export abstract class Executor {
  abstract readonly name: string;
  /** Starts the process of an attempt. Throws TRAINER_NOT_STARTED when that is impossible now. */
  abstract start(attempt: AttemptStart): Promise<ExecutorHandle>;
  /** The process that took the attempt of this folder, started by whomever; undefined when none did. */
  abstract find(folder: string, attemptToken: string): Promise<ExecutorHandle | undefined>;
  abstract status(handle: ExecutorHandle): Promise<ExecutorStatus>;
  /** Asks the process to stop (SIGTERM), or ends it (SIGKILL). Nothing happens when it has ended. */
  abstract signal(handle: ExecutorHandle, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}
