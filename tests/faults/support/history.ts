// SPDX-License-Identifier: Apache-2.0
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** What happened, line by line, as JSON: operations, faults, notes. Written at once, so that it survives a crash of the runner. */
export class History {
  constructor(readonly file: string) {
    mkdirSync(dirname(file), { recursive: true });
  }

  write(record: object): void {
    appendFileSync(this.file, `${JSON.stringify({ at: new Date().toISOString(), ...record })}\n`);
  }
}
