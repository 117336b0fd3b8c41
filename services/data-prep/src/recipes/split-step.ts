// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { NearDuplicateIndex, runYielding } from '../near-duplicates/near-duplicate-index';
import { EarlierNeighbours } from '../near-duplicates/select-survivors';
import type { Decision, Grouping } from './dedup-steps';
import type { SplitStep } from './recipe';
import { formatJson, getField, textOf, type RecipeRow } from './recipe-rows';

/**
 * Sides of a split that keep near-duplicates and groups together and never move a row that was there before.
 *
 * Rows are assigned in row order. A row goes where its earliest earlier near-duplicate went; without one, where its group went;
 * without that, where the hash of its seed and content (or group value) falls. Only earlier rows are asked, so rows added at the
 * end move none of the old ones. A row that has near-duplicates on two sides would leak whichever side it took: it is dropped,
 * and the ledger names the row on the other side.
 */
export class SplitSides implements Grouping {
  private readonly index: NearDuplicateIndex;
  private readonly ids: string[] = [];
  private readonly fractions: number[] = [];
  private readonly groups: (string | undefined)[] = [];
  private readonly sides = new Map<string, string>();
  private readonly bridges = new Map<number, number>();

  constructor(private readonly step: SplitStep) {
    this.index = new NearDuplicateIndex({ shingleWords: step.shingleWords, jaccardMin: step.threshold });
  }

  add(row: RecipeRow): void {
    const { step } = this;
    const text = textOf(row.data, step.field);
    this.index.add(text);
    this.ids.push(row.id);
    const group = step.groupBy ? getField(row.data, step.groupBy) : undefined;
    const groupKey = group === undefined || group === null ? undefined : formatJson(group);
    this.groups.push(groupKey);
    this.fractions.push(fraction(step.seed, groupKey ?? (text || formatJson(row.data))));
  }

  async decide(signal?: AbortSignal): Promise<void> {
    const graph = await runYielding(this.index.search(), signal);
    const earlier = new EarlierNeighbours(graph, this.step.threshold);
    const sideOf = new Int16Array(this.ids.length).fill(-1);
    const groupSides = new Map<string, { side: number; row: number }>();
    for (let row = 0; row < this.ids.length; row++) {
      const group = this.groups[row];
      const claims = earlier
        .of(row)
        .filter((other) => sideOf[other] >= 0)
        .map((other) => ({ side: sideOf[other], row: other }));
      const ofGroup = group === undefined ? undefined : groupSides.get(group);
      if (ofGroup) claims.push(ofGroup);
      const side = claims.length > 0 ? claims[0].side : this.sideAt(this.fractions[row]);
      const conflict = claims.find((claim) => claim.side !== side);
      if (conflict) {
        this.bridges.set(row, conflict.row);
        continue;
      }
      sideOf[row] = side;
      if (group !== undefined && !ofGroup) groupSides.set(group, { side, row });
      this.sides.set(this.ids[row], this.step.outputs[side].name);
    }
  }

  private sideAt(share: number): number {
    let sum = 0;
    for (let side = 0; side < this.step.outputs.length - 1; side++) {
      sum += this.step.outputs[side].share;
      if (share < sum) return side;
    }
    return this.step.outputs.length - 1;
  }

  decision(position: number): Decision | undefined {
    const other = this.bridges.get(position);
    if (other === undefined) return undefined;
    return {
      action: 'dropped',
      rule: 'near to rows or group on two sides of the split',
      value: null,
      threshold: String(this.step.threshold),
      keptRowId: this.ids[other],
    };
  }

  sideOf(rowId: string): string | undefined {
    return this.sides.get(rowId);
  }
}

/** Uniform in [0, 1) from the seed and the content: 48 bits of sha256. */
function fraction(seed: string, content: string): number {
  return createHash('sha256').update(`${seed}\0${content}`).digest().readUIntBE(0, 6) / 2 ** 48;
}
