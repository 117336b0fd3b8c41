// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { NearDuplicateIndex, runYielding } from '../near-duplicates/near-duplicate-index';
import { clusterSizes, largestGroups, removalCurve, selectSurvivors } from '../near-duplicates/select-survivors';
import { CURVE_THRESHOLDS } from '../recipes/dedup-steps';
import { countWords } from '../recipes/expression';
import { formatJson, getField, textOf, type RecipeRow } from '../recipes/recipe-rows';
import { detectPii } from '../redaction/detect-pii';
import { maskedText, maskedValue } from '../redaction/redact-text';
import { countTokens, TOKENIZER } from './count-tokens';
import { distributionOf, NumberList } from './distributions';
import { guessLabelField, guessTextField } from './guess-fields';
import { KeyInventory } from './key-inventory';
import type { ColumnProfile, Distribution, KeyProfile, NearDuplicateProfile, PiiProfile, Profile } from './profile';
import { profileAlerts } from './profile-alerts';

export interface ProfileInput {
  dataset: Profile['dataset'];
  bytes: number;
  quarantined: Profile['quarantined'];
}

export interface ProfileOptions {
  /** Rows whose texts are compared for near-duplicates; beyond it the numbers are marked as not exact. */
  nearDuplicateRowsMax: number;
  shingleWords: number;
  threshold: number;
}

const CONTEXTS = [64, 512, 2_048, 4_096, 8_192, 32_768];
const SAMPLE_CHARACTERS = 160;
const PII_SAMPLES = 5;
const LABELS_MAX = 1_000;
const LABELS_SHOWN = 50;

/** Builds a profile from all rows of a version in one pass; columns come from the column engine afterwards. */
export class ProfileBuilder {
  private readonly inventory = new KeyInventory();
  private readonly hashes = new Map<string, number>();
  private readonly characters = new NumberList();
  private readonly words = new NumberList();
  private readonly tokens = new NumberList();
  private readonly labels = new Map<string, number>();
  private readonly pii = new Map<string, PiiProfile>();
  private readonly near: NearDuplicateIndex;
  /** Beginnings of texts, for the samples of the largest groups. */
  private readonly samples: { id: string; text: string }[] = [];
  private areTokensExact = true;
  private rows = 0;
  private textField: string | undefined;
  private labelField: string | undefined;
  private readonly start = performance.now();

  constructor(private readonly options: ProfileOptions) {
    this.near = new NearDuplicateIndex({ shingleWords: options.shingleWords, jaccardMin: CURVE_THRESHOLDS[0] });
  }

  /** The first batch decides which fields hold the text and the label. */
  add(batch: readonly RecipeRow[]): void {
    if (this.rows === 0) {
      const data = batch.map((row) => row.data);
      this.textField = guessTextField(data);
      this.labelField = guessLabelField(data);
    }
    for (const row of batch) this.addRow(row);
  }

  /** The keys seen so far, for the column engine. */
  keys(): KeyProfile[] {
    return this.inventory.finish().keys;
  }

  private addRow(row: RecipeRow): void {
    this.rows++;
    this.inventory.add(row.data);
    const digest = createHash('sha256').update(formatJson(row.data)).digest('base64');
    this.hashes.set(digest, (this.hashes.get(digest) ?? 0) + 1);
    for (const [field, value] of Object.entries(row.data)) this.findPii(row.id, field, value);
    if (this.labelField) this.countLabel(getField(row.data, this.labelField));
    if (this.textField) this.measure(row, textOf(row.data, this.textField));
  }

  private measure(row: RecipeRow, text: string): void {
    const { tokens, exact } = countTokens(text);
    this.areTokensExact &&= exact;
    this.characters.push(text.length);
    this.words.push(countWords(text));
    this.tokens.push(tokens);
    if (this.near.documents >= this.options.nearDuplicateRowsMax) return;
    this.near.add(text);
    this.samples.push({ id: row.id, text: beginningOf(text, SAMPLE_CHARACTERS * 4) });
  }

  private countLabel(value: unknown): void {
    if (value === undefined || value === null) return;
    const label = beginningOf(typeof value === 'string' ? value : formatJson(value), 100);
    if (this.labels.has(label) || this.labels.size < LABELS_MAX) this.labels.set(label, (this.labels.get(label) ?? 0) + 1);
  }

  private findPii(rowId: string, field: string, value: unknown): void {
    const text = typeof value === 'string' ? value : typeof value === 'object' && value !== null ? JSON.stringify(value) : '';
    if (!text) return;
    const seen = new Set<string>();
    for (const match of detectPii(text)) {
      let entry = this.pii.get(match.type);
      if (!entry) this.pii.set(match.type, (entry = { type: match.type, rows: 0, findings: 0, samples: [] }));
      entry.findings++;
      if (seen.has(match.type)) continue;
      seen.add(match.type);
      entry.rows++;
      if (entry.samples.length < PII_SAMPLES)
        entry.samples.push({ rowId, field: field.slice(0, 100), value: maskedValue(match) });
    }
  }

  async finish(input: ProfileInput, columns: ColumnProfile[], now: Date, signal?: AbortSignal): Promise<Profile> {
    const { keys, leftOut } = this.inventory.finish();
    const near = await this.nearDuplicates(signal);
    const findings: Omit<Profile, 'alerts' | 'provenance'> = {
      schema: 'millrace.profile/v1',
      ...input,
      rows: this.rows,
      keys,
      keysLeftOut: leftOut,
      columns,
      ...this.textStatistics(),
      duplicates: {
        exact: {
          removed: this.rows - this.hashes.size,
          removedShare: this.rows === 0 ? 0 : (this.rows - this.hashes.size) / this.rows,
          groups: [...this.hashes.values()].filter((count) => count > 1).length,
          exact: true,
        },
        ...(near ? { near } : {}),
      },
      ...this.labelBalance(),
      pii: [...this.pii.values()].sort((x, y) => y.rows - x.rows),
    };
    return {
      ...findings,
      alerts: profileAlerts(findings),
      provenance: {
        tool: 'millrace data-prep',
        seconds: Number(((performance.now() - this.start) / 1000).toFixed(3)),
        tokenizer: TOKENIZER,
        rowOrder: 'version',
        completeTime: now.toISOString(),
      },
    };
  }

  private textStatistics(): Pick<Profile, 'text'> {
    const tokens = distributionOf(this.tokens, this.areTokensExact);
    if (!this.textField || !tokens) return {};
    const sorted = this.tokens.sorted();
    const contexts = CONTEXTS.map((limit) => {
      const rowsAbove = sorted.length - upperBound(sorted, limit);
      return { tokens: limit, rowsAbove, shareAbove: rowsAbove / sorted.length };
    });
    return {
      text: {
        field: this.textField,
        characters: distributionOf(this.characters) as Distribution,
        words: distributionOf(this.words) as Distribution,
        tokens: { ...tokens, tokenizer: TOKENIZER },
        contexts,
      },
    };
  }

  private labelBalance(): Pick<Profile, 'labels'> {
    if (!this.labelField || this.labels.size === 0) return {};
    const total = [...this.labels.values()].reduce((sum, count) => sum + count, 0);
    const counts = [...this.labels]
      .map(([label, count]) => ({ label, count, share: count / total }))
      .sort((x, y) => y.count - x.count || (x.label < y.label ? -1 : 1));
    const entropy = counts.reduce((sum, { share }) => sum - share * Math.log(share), 0);
    const evenness = counts.length > 1 ? entropy / Math.log(counts.length) : 1;
    const shown = counts.slice(0, LABELS_SHOWN);
    return { labels: { field: this.labelField, counts: shown, labelsLeftOut: counts.length - shown.length, evenness } };
  }

  private async nearDuplicates(signal?: AbortSignal): Promise<NearDuplicateProfile | undefined> {
    if (!this.textField || this.near.documents === 0) return undefined;
    const { threshold, shingleWords } = this.options;
    const graph = await runYielding(this.near.search(), signal);
    const survivors = selectSurvivors(graph, threshold);
    const sizes = new Map<number, number>();
    for (const size of clusterSizes(survivors)) sizes.set(size, (sizes.get(size) ?? 0) + 1);
    const sample = (document: number) => maskedText(this.samples[document].text, SAMPLE_CHARACTERS);
    const removed = graph.documents - survivors.kept;
    return {
      field: this.textField,
      shingleWords,
      threshold,
      rowsCompared: graph.documents,
      removed,
      removedShare: removed / graph.documents,
      exact: graph.documents === this.rows && graph.comparisonsSkipped === 0 && threshold >= 0.7,
      curve: removalCurve(graph, CURVE_THRESHOLDS),
      groupSizes: [...sizes].map(([size, groups]) => ({ size, groups })).sort((x, y) => x.size - y.size),
      largest: largestGroups(survivors, 10).map(({ kept, copies }) => ({
        keptRowId: this.samples[kept].id,
        sample: sample(kept),
        copies: copies.length,
        example: { rowId: this.samples[copies[0].document].id, sample: sample(copies[0].document), jaccard: copies[0].jaccard },
      })),
    };
  }
}

/** A copy: what `slice` gives keeps the whole text in memory that it was taken from. */
function beginningOf(text: string, charactersMax: number): string {
  return Buffer.from(text.slice(0, charactersMax)).toString();
}

/** Number of values <= limit in a sorted list. */
function upperBound(sorted: Float64Array, limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
