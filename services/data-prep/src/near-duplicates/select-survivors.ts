// SPDX-License-Identifier: Apache-2.0
import type { NearDuplicateGraph } from './near-duplicate-index';

export interface Survivors {
  /** Per document: the document kept in its place; itself where it is kept. */
  keptBy: Int32Array;
  /** Exact Jaccard with the kept document; 1 for kept documents. */
  jaccard: Float64Array;
  kept: number;
}

/** Neighbour lists in compressed rows: neighbours of `x` are `target[start[x] .. start[x + 1])`. */
interface Adjacency {
  start: Int32Array;
  target: Int32Array;
  jaccard: Float64Array;
}

function adjacencyOf(graph: NearDuplicateGraph, jaccardMin: number): Adjacency {
  const start = new Int32Array(graph.documents + 1);
  for (let edge = 0; edge < graph.a.length; edge++) {
    if (graph.jaccard[edge] < jaccardMin) continue;
    start[graph.a[edge] + 1]++;
    start[graph.b[edge] + 1]++;
  }
  for (let i = 0; i < graph.documents; i++) start[i + 1] += start[i];
  const fill = start.slice();
  const target = new Int32Array(start[graph.documents]);
  const jaccard = new Float64Array(target.length);
  const add = (from: number, to: number, similarity: number): void => {
    target[fill[from]] = to;
    jaccard[fill[from]++] = similarity;
  };
  for (let edge = 0; edge < graph.a.length; edge++) {
    if (graph.jaccard[edge] < jaccardMin) continue;
    add(graph.a[edge], graph.b[edge], graph.jaccard[edge]);
    add(graph.b[edge], graph.a[edge], graph.jaccard[edge]);
  }
  return { start, target, jaccard };
}

/**
 * Chooses which copies stay. Documents are taken in priority order (default: row order); one that is not yet a copy is kept, and
 * every neighbour with Jaccard >= threshold to THAT document becomes its copy. So each dropped document is verified against the
 * one kept in its place (no chains a~b~c that drop c for a), and no two kept documents are known to be near-duplicates.
 */
export function selectSurvivors(graph: NearDuplicateGraph, threshold: number, priority?: Int32Array): Survivors {
  const adjacency = adjacencyOf(graph, threshold);
  const classKeptBy = new Int32Array(graph.documents).fill(-1);
  const classJaccard = new Float64Array(graph.documents).fill(1);
  for (let position = 0; position < graph.documents; position++) {
    const document = priority ? priority[position] : position;
    const own = graph.sameAs[document];
    if (classKeptBy[own] !== -1) continue;
    classKeptBy[own] = document;
    for (let i = adjacency.start[own]; i < adjacency.start[own + 1]; i++) {
      const other = adjacency.target[i];
      if (classKeptBy[other] !== -1) continue;
      classKeptBy[other] = document;
      classJaccard[other] = adjacency.jaccard[i];
    }
  }
  const keptBy = new Int32Array(graph.documents);
  const jaccard = new Float64Array(graph.documents);
  let kept = 0;
  for (let document = 0; document < graph.documents; document++) {
    const own = graph.sameAs[document];
    keptBy[document] = classKeptBy[own];
    jaccard[document] = classJaccard[own];
    if (keptBy[document] === document) kept++;
  }
  return { keptBy, jaccard, kept };
}

/** Which copy of a group stays. `max`: the row with the largest number in a field; a row without that number comes last. */
export type SurvivorPolicy = { keep: 'first' } | { keep: 'longest' } | { keep: 'max'; field: string };

/** Priority order for a policy from one score per document (higher first; equal scores in row order). NaN counts as lowest. */
export function priorityByScore(scores: Float64Array): Int32Array {
  const order = Int32Array.from(scores, (_, index) => index);
  const rank = scores.map((score) => (Number.isNaN(score) ? -Infinity : score));
  return order.sort((x, y) => (rank[x] === rank[y] ? x - y : rank[y] > rank[x] ? 1 : -1));
}

export interface CurvePoint {
  jaccard: number;
  removed: number;
  removedShare: number;
  /** Every counted pair is verified; true where the search also finds at least 99.98 % of the pairs (J >= .7, no bucket cut). */
  exact: boolean;
  /** Probability that a pair of exactly this Jaccard is found: 1 - (1 - J^4)^32. */
  recall: number;
}

/** "How much would a threshold of J remove?", from the edges of one search. Points below the search's minimum are left out. */
export function removalCurve(graph: NearDuplicateGraph, thresholds: readonly number[], priority?: Int32Array): CurvePoint[] {
  return thresholds.map((jaccard) => {
    const removed = graph.documents - selectSurvivors(graph, jaccard, priority).kept;
    return {
      jaccard,
      removed,
      removedShare: graph.documents === 0 ? 0 : removed / graph.documents,
      exact: jaccard >= 0.7 && graph.comparisonsSkipped === 0,
      recall: 1 - (1 - jaccard ** 4) ** 32,
    };
  });
}

/** Connected groups at a threshold, for reports: sizes of groups with two or more documents, largest first. */
export function clusterSizes(survivors: Survivors): number[] {
  const sizes = new Map<number, number>();
  for (const kept of survivors.keptBy) sizes.set(kept, (sizes.get(kept) ?? 0) + 1);
  return [...sizes.values()].filter((size) => size > 1).sort((x, y) => y - x);
}

/** Documents grouped with each kept document, for reports: the `limit` largest groups. */
export function largestGroups(
  survivors: Survivors,
  limit: number,
): { kept: number; copies: { document: number; jaccard: number }[] }[] {
  const groups = new Map<number, { document: number; jaccard: number }[]>();
  survivors.keptBy.forEach((kept, document) => {
    if (kept === document) return;
    const copies = groups.get(kept) ?? [];
    copies.push({ document, jaccard: survivors.jaccard[document] });
    groups.set(kept, copies);
  });
  return [...groups]
    .map(([kept, copies]) => ({ kept, copies }))
    .sort((x, y) => y.copies.length - x.copies.length || x.kept - y.kept)
    .slice(0, limit);
}

/** Neighbours of a document among EARLIER documents with Jaccard >= threshold, for assigning sides in row order. */
export class EarlierNeighbours {
  private readonly adjacency: Adjacency;

  constructor(
    private readonly graph: NearDuplicateGraph,
    threshold: number,
  ) {
    this.adjacency = adjacencyOf(graph, threshold);
  }

  /** Class representatives (first documents), earliest first. A document's own class is included where it is not its first. */
  of(document: number): number[] {
    const own = this.graph.sameAs[document];
    if (own !== document) return [own];
    const { start, target } = this.adjacency;
    return [...target.subarray(start[own], start[own + 1])].filter((other) => other < document).sort((x, y) => x - y);
  }
}
