// SPDX-License-Identifier: Apache-2.0
import { isAppError } from '#libs/errors';

/** A mistake on the command line; the message is for people. */
export class UsageError extends Error {}

/** Runs a command: usage mistakes end with 2 and the usage text, expected failures with 1 and one line, bugs with their stack. */
export async function runCli(usage: string, command: (argv: string[]) => Promise<void>): Promise<void> {
  try {
    await command(process.argv.slice(2));
  } catch (error) {
    if (error instanceof UsageError || isParseArgsError(error)) {
      process.stderr.write(`${(error as Error).message}\n\n${usage}\n`);
      process.exitCode = 2;
      return;
    }
    process.stderr.write(isAppError(error) ? `${error.code}: ${error.message}\n` : `${(error as Error).stack}\n`);
    process.exitCode = 1;
  }
}

/** Writes rows as a table of aligned columns, as wide as their values. */
export function table(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function isParseArgsError(error: unknown): boolean {
  return ((error as { code?: string }).code ?? '').startsWith('ERR_PARSE_ARGS');
}
