// SPDX-License-Identifier: Apache-2.0
import type { FaultLab, LabOptions } from './fault-lab';
import type { TrafficKind } from './operation';
import type { Traffic } from './traffic';
import type { ProcessName } from '../../../deploy/local/processes';

export type { LabOptions } from './fault-lab';
export { trafficKinds, type TrafficKind } from './operation';
export type { ProcessName, ServiceName } from '../../../deploy/local/processes';

/** One failure test of reliability.md. */
export interface Fault {
  id: string;
  title: string;
  /** Processes that its own lab starts; default: the six services (the runtime's place is taken by a tiny fake backend). */
  services?: ProcessName[];
  /** A platform of its own; without it the shared one is used. */
  ownLab?: LabOptions;
  /** Default: all kinds. */
  traffic?: TrafficKind[];
  /** What it injects on purpose and expects to find. */
  expects?: Expectations;
  /** Why the short form leaves it out; said when it is skipped. Named with --only it runs all the same. */
  longOnly?: string;
  /** Why this host cannot run it. */
  unable?(): Promise<string | undefined>;
  /** Injects; throws when its own expectation fails. Traffic is running. */
  run(context: FaultContext): Promise<void>;
}

/** Exceptions that a fault declares; everything else is a failure. */
export interface Expectations {
  /** Ids of events that must be in the dead letters; asked for after the run. */
  poisonIds?: () => string[];
}

export interface FaultContext {
  lab: FaultLab;
  traffic: Traffic;
  workspace: string;
  /** Seeded, 0 to 1. */
  random: () => number;
  rounds: number;
  long: boolean;
  /** Counts one injected fault and writes it to the history. */
  fault(kind: string, fields?: object): void;
  /** Writes to the history only. */
  note(what: string, fields?: object): void;
}
