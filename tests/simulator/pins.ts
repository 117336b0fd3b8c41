// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from './faults';

/** A schedule that runs for ever: on the code as it is, and on the mutation that it catches. */
export interface Pin {
  mutation: string;
  plan: Plan;
}

const path = (): string => join(process.cwd(), 'tests/simulator/pins.json');

export const readPins = (): Pin[] => JSON.parse(readFileSync(path(), 'utf8')) as Pin[];

/** Pins are whole plans: another way to draw plans from seeds leaves them as they are. */
export function writePins(pins: readonly Pin[]): void {
  writeFileSync(path(), `${JSON.stringify(pins, null, 2)}\n`);
}
