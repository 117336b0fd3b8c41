// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Queryable } from '#libs/persistence';

const ROWS_PER_READ = 500;
const FILE_BYTES_PER_READ = 1 << 20;

/** Whatever looks like one of these is a credential, also one that the test was never told. */
const CREDENTIALS: Record<string, RegExp> = {
  'an API key': /\bsk-mr-[\w-]{32}/,
  'a signed token': /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{40,}/,
};

/** Looks for secrets in everything that a platform keeps, writes or answers. */
export class SecretScan {
  readonly leaks = new Set<string>();
  /** What was looked at, in bytes, by the first word of the place. */
  readonly bytesSeen: Record<string, number> = {};
  private readonly forms: [name: string, form: string][];
  private readonly overlap: number;

  constructor(secrets: Record<string, string>) {
    this.forms = Object.entries(secrets).flatMap(([name, secret]) => {
      if (secret.length < 16) throw new Error(`${name} is too short to be looked for`);
      return formsOf(secret).map((form): [string, string] => [name, form]);
    });
    this.overlap = 4096;
  }

  look(where: string, text: string): void {
    const kind = where.split(' ')[0];
    this.bytesSeen[kind] = (this.bytesSeen[kind] ?? 0) + text.length;
    for (const [name, form] of this.forms) if (text.includes(form)) this.leaks.add(`${name} in ${where}`);
    for (const [name, pattern] of Object.entries(CREDENTIALS)) if (pattern.test(text)) this.leaks.add(`${name} in ${where}`);
  }

  /** Every row of every table, all columns; bytes are read as text. */
  async lookAtDatabase(name: string, database: Queryable): Promise<void> {
    const tables = await database.query<{ table: string }>(
      `select format('%I.%I', n.nspname, c.relname) as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1`,
    );
    if (tables.length === 0) throw new Error(`${name} has no tables`);
    for (const { table } of tables) {
      for (let after = '(0,0)'; ;) {
        const rows = await database.query<{ at: string; row: string }>(
          `select ctid::text as at, to_jsonb(t)::text as row from ${table} t where ctid > $1::tid order by ctid limit ${ROWS_PER_READ}`,
          [after],
        );
        for (const { row } of rows) this.look(`database ${name} ${table}`, withReadableBytes(row));
        if (rows.length < ROWS_PER_READ) break;
        after = rows[rows.length - 1].at;
      }
    }
  }

  /** Every file below a folder, text or not; `skipped` names folders and files that are left out, relative to it. */
  lookAtFolder(folder: string, skipped: readonly string[]): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      const name = relative(folder, file);
      if (!entry.isFile() || skipped.some((one) => name === one || name.startsWith(`${one}/`))) continue;
      this.lookAtFile(`file ${name}`, file);
    }
  }

  private lookAtFile(where: string, file: string): void {
    const handle = openSync(file, 'r');
    try {
      const buffer = Buffer.alloc(FILE_BYTES_PER_READ);
      let before = '';
      for (;;) {
        const length = readSync(handle, buffer);
        if (length === 0) break;
        // One character per byte: secrets are ASCII, and what lies around them need not be text.
        const text = before + buffer.toString('latin1', 0, length);
        this.look(where, text);
        before = text.slice(-this.overlap);
      }
    } finally {
      closeSync(handle);
    }
  }
}

/** A secret as it is, and as part of anything in base64: a Basic header would be as good as the secret itself. */
function formsOf(secret: string): string[] {
  const inBase64 = [0, 1, 2].map((offset) => {
    const text = Buffer.from(`${'x'.repeat(offset)}${secret}`)
      .toString('base64')
      .replace(/=+$/, '');
    // The first and last characters hold bits of the neighbours.
    return text.slice(offset === 0 ? 0 : offset + 1, -1);
  });
  return [secret, ...inBase64];
}

/** to_jsonb shows bytea in hex. */
function withReadableBytes(row: string): string {
  const decoded = [...row.matchAll(/"\\\\x([0-9a-f]*)"/g)].map(([, hex]) => Buffer.from(hex, 'hex').toString('latin1'));
  return [row, ...decoded].join('\n');
}
