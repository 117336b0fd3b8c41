// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from './failure';
import type { Template } from './template';

/** A row as a trainer reads it. */
export interface TrainingExample {
  /** Id of the row in its dataset version. */
  rowId: string;
  prompt: string;
  answer: string;
}

export interface RowCheckOptions {
  /** Path of the input in the spec, such as `inputs[0]`. */
  field: string;
  prompt: Template;
  answer: Template;
  /** Allowed answers, trimmed; empty = any. */
  labels: ReadonlySet<string>;
  /** Listed at most; all are counted. */
  violationsMax: number;
}

/** Column that carries the id of a row in an export. */
export const ROW_ID = '_row_id';

/** Of a prompt with its answer: more than any model here reads, and four times the longest row. */
const EXAMPLE_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Answers that are counted; where there are more, they are no labels. */
const ANSWERS_COUNTED_MAX = 10_000;
const ANSWER_CHARACTERS_MAX = 200;

/**
 * Checks rows one by one and turns them into examples. A column that no row has is one fault of the template; otherwise each
 * faulty row is named by number (from 1) and id.
 */
export class RowCheck {
  private rows = 0;
  private faults = 0;
  private readonly listed: JobViolation[] = [];
  private readonly seenColumns = new Set<string>();
  private readonly answerCounts = new Map<string, number>();

  constructor(private readonly options: RowCheckOptions) {}

  /** The example, or undefined when the row is faulty. `line` is one line of JSON. */
  read(line: string): TrainingExample | undefined {
    this.rows += 1;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch (error) {
      return this.fault('', `is not JSON: ${(error as Error).message}`);
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return this.fault('', 'is not an object');
    return this.readColumns(row as Record<string, unknown>);
  }

  /** Faults found: those of whole columns first, then of rows. */
  violations(): JobViolation[] {
    const { prompt, answer, field } = this.options;
    const unknown: JobViolation[] = [];
    if (this.rows === 0) unknown.push({ field, message: 'the dataset version has no rows' });
    else {
      for (const [template, name] of [
        [prompt, 'promptTemplate'],
        [answer, 'answerTemplate'],
      ] as const) {
        for (const column of template.columns) {
          if (this.seenColumns.has(column)) continue;
          const known = [...this.seenColumns].filter((other) => other !== ROW_ID).sort();
          unknown.push({
            field: `${field}.${name}`,
            message: `unknown column ${JSON.stringify(column)}; rows have ${known.join(', ')}`,
          });
        }
      }
    }
    return unknown.length > 0 ? unknown : this.listed;
  }

  get rowCount(): number {
    return this.rows;
  }

  get faultCount(): number {
    return this.faults;
  }

  /** Rows by answer, trimmed and cut; not of every answer where there are very many. */
  get answers(): ReadonlyMap<string, number> {
    return this.answerCounts;
  }

  private readColumns(row: Record<string, unknown>): TrainingExample | undefined {
    for (const name of Object.keys(row)) if (this.seenColumns.size < 1000) this.seenColumns.add(name);
    const rowId = typeof row[ROW_ID] === 'string' ? row[ROW_ID] : '';
    const named = rowId ? ` (row id ${rowId})` : '';
    for (const column of [...this.options.prompt.columns, ...this.options.answer.columns]) {
      const value = Object.hasOwn(row, column) ? row[column] : undefined;
      if (value === undefined || value === null) return this.fault(`.${column}`, `is missing${named}`);
      if (typeof value === 'object') return this.fault(`.${column}`, `must be text, a number or a boolean${named}`);
      if (typeof value === 'string' && value.trim() === '') return this.fault(`.${column}`, `is blank${named}`);
    }
    if (this.options.prompt.lengthOf(row) + this.options.answer.lengthOf(row) > EXAMPLE_CHARACTERS_MAX)
      return this.fault('', `becomes more than ${EXAMPLE_CHARACTERS_MAX} characters of prompt and answer${named}`);
    const answer = this.options.answer.render(row);
    const label = answer.trim();
    if (this.options.labels.size > 0 && !this.options.labels.has(label)) {
      const allowed = [...this.options.labels].slice(0, 20).join(', ');
      return this.fault('', `answer ${JSON.stringify(label.slice(0, 100))} is not in the label set (${allowed})${named}`);
    }
    this.count(label);
    return { rowId, prompt: this.options.prompt.render(row), answer };
  }

  private count(label: string): void {
    // A copy, as a cut text would keep the whole one in memory; it also has no half of a character at its end.
    const shown = Buffer.from(label.slice(0, ANSWER_CHARACTERS_MAX)).toString();
    const rows = this.answerCounts.get(shown);
    if (rows === undefined && this.answerCounts.size >= ANSWERS_COUNTED_MAX) return;
    this.answerCounts.set(shown, (rows ?? 0) + 1);
  }

  private fault(column: string, message: string): undefined {
    this.faults += 1;
    if (this.listed.length < this.options.violationsMax) {
      this.listed.push({ field: `${this.options.field}.rows[${this.rows}]${column}`, message });
    }
    return undefined;
  }
}
