// SPDX-License-Identifier: Apache-2.0
import type { CurvePoint } from '../near-duplicates/select-survivors';
import type { Distribution } from './profile';

/** Text for HTML content and attributes. Everything that comes from data passes here. */
export function escapeHtml(value: unknown): string {
  return String(value)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toPrecision(3);
}

export function formatPercent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.001 ? 3 : 1)} %`;
}

export function table(caption: string, head: string[], rows: unknown[][]): string {
  const isNumeric = (cell: unknown) => typeof cell === 'number';
  const side = (cell: unknown) => (isNumeric(cell) ? ' class="n"' : '');
  const header = head.map((cell, i) => `<th scope="col"${side(rows[0]?.[i])}>${escapeHtml(cell)}</th>`).join('');
  const body = rows
    .map(
      (row) =>
        `<tr>${row.map((cell) => `<td${side(cell)}>${escapeHtml(isNumeric(cell) ? formatNumber(cell) : cell)}</td>`).join('')}</tr>`,
    )
    .join('');
  return `<div class="scroll"><table><caption>${escapeHtml(caption)}</caption><thead><tr>${header}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A chart with its title and the same numbers as a table. */
function figure(title: string, svg: string, numbers: string): string {
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${svg}<details><summary>As a table</summary>${numbers}</details></figure>`;
}

const WIDTH = 420;
const HEIGHT = 150;
const FLOOR = 122;

export interface Bar {
  label: string;
  value: number;
  title: string;
}

/** Vertical bars with the first and last label below; every bar has its numbers as a tooltip. */
function barsSvg(title: string, bars: readonly Bar[]): string {
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  const step = WIDTH / bars.length;
  const gap = Math.min(2, step / 5);
  const drawn = bars
    .map((bar, i) => {
      // A bar that stands for something is never invisible.
      const height = bar.value === 0 ? 0 : Math.max(2, (bar.value / most) * (FLOOR - 14));
      const [x, y] = [(i * step).toFixed(1), (FLOOR - height).toFixed(1)];
      return `<rect class="bar" x="${x}" y="${y}" width="${(step - gap).toFixed(1)}" height="${height.toFixed(1)}" rx="1.5"><title>${escapeHtml(bar.title)}</title></rect>`;
    })
    .join('');
  const last = bars[bars.length - 1];
  return (
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">` +
    `<text class="axis" x="0" y="10">${escapeHtml(formatNumber(most))}</text>` +
    `<line class="rule" x1="0" y1="${FLOOR}" x2="${WIDTH}" y2="${FLOOR}"/>${drawn}` +
    `<text class="axis" x="0" y="${HEIGHT - 10}">${escapeHtml(bars[0]?.label ?? '')}</text>` +
    `<text class="axis" x="${WIDTH}" y="${HEIGHT - 10}" text-anchor="end">${escapeHtml(last?.label ?? '')}</text></svg>`
  );
}

export function histogramFigure(title: string, distribution: Distribution, unit: string): string {
  const { edges, counts, scale } = distribution.histogram;
  const range = (i: number) => `${formatNumber(edges[i])} – ${formatNumber(edges[i + 1])}`;
  const bars = counts.map((count, i) => ({
    label: i === counts.length - 1 ? `${formatNumber(edges[i + 1])} ${unit}` : formatNumber(edges[i]),
    value: count,
    title: `${range(i)} ${unit}: ${formatNumber(count)} rows`,
  }));
  const heading = `${title}${scale === 'log' ? ' (doubling bins)' : ''}`;
  const { p5, p50, p95, p99 } = distribution.quantiles;
  const summary = `<p class="facts">median <b>${formatNumber(p50)}</b> · 5–95 % <b>${formatNumber(p5)}–${formatNumber(p95)}</b> · 99 % <b>${formatNumber(p99)}</b> · max <b>${formatNumber(distribution.max)}</b> ${exactMark(distribution.exact)}</p>`;
  return figure(
    heading,
    barsSvg(heading, bars) + summary,
    table(
      heading,
      [unit, 'rows'],
      counts.map((count, i) => [range(i), count]),
    ),
  );
}

/** Horizontal bars, for names. */
export function rankFigure(
  title: string,
  entries: readonly { name: string; value: number; note: string }[],
  unit: string,
): string {
  const most = Math.max(1, ...entries.map((entry) => entry.value));
  const line = 22;
  const drawn = entries
    .map((entry, i) => {
      const y = i * line;
      const width = Math.max(1, (entry.value / most) * 190);
      const name = entry.name.length > 26 ? `${entry.name.slice(0, 25)}…` : entry.name;
      return (
        `<text class="name" x="0" y="${y + 14}">${escapeHtml(name)}</text><rect class="bar" x="160" y="${y + 3}" width="${width.toFixed(1)}" height="14" rx="2">` +
        `<title>${escapeHtml(`${entry.name}: ${formatNumber(entry.value)} ${unit}`)}</title></rect><text class="axis" x="${(166 + width).toFixed(1)}" y="${y + 14}">${escapeHtml(entry.note)}</text>`
      );
    })
    .join('');
  const svg = `<svg viewBox="0 0 ${WIDTH} ${Math.max(line, entries.length * line)}" role="img" aria-label="${escapeHtml(title)}">${drawn}</svg>`;
  return figure(
    title,
    svg,
    table(
      title,
      ['value', unit, 'share'],
      entries.map((entry) => [entry.name, entry.value, entry.note]),
    ),
  );
}

/** Share of rows removed against the Jaccard threshold; points below .7 are dashed because the search misses some pairs there. */
export function curveFigure(title: string, points: readonly CurvePoint[], chosen: number): string {
  const low = points[0].jaccard;
  const most = Math.max(0.01, ...points.map((point) => point.removedShare));
  const x = (jaccard: number) => 40 + ((jaccard - low) / (1 - low)) * (WIDTH - 50);
  const y = (share: number) => FLOOR - (share / most) * (FLOOR - 16);
  const path = (part: readonly CurvePoint[]) =>
    part.map((point, i) => `${i ? 'L' : 'M'}${x(point.jaccard).toFixed(1)} ${y(point.removedShare).toFixed(1)}`).join('');
  const firstExact = Math.max(
    0,
    points.findIndex((point) => point.exact),
  );
  const dots = points
    .map((point) => {
      const label = `J >= ${point.jaccard}: ${formatNumber(point.removed)} rows, ${formatPercent(point.removedShare)}`;
      return `<circle class="dot" cx="${x(point.jaccard).toFixed(1)}" cy="${y(point.removedShare).toFixed(1)}" r="3"><title>${escapeHtml(label)}</title></circle>`;
    })
    .join('');
  const svg =
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}"><line class="rule" x1="40" y1="${FLOOR}" x2="${WIDTH}" y2="${FLOOR}"/>` +
    `<line class="mark" x1="${x(chosen).toFixed(1)}" y1="10" x2="${x(chosen).toFixed(1)}" y2="${FLOOR}"><title>threshold ${chosen}</title></line>` +
    `<path class="line dashed" d="${path(points.slice(0, firstExact + 1))}"/><path class="line" d="${path(points.slice(firstExact))}"/>${dots}` +
    `<text class="axis" x="0" y="20">${formatPercent(most)}</text><text class="axis" x="40" y="${HEIGHT - 10}">J ${low}</text>` +
    `<text class="axis" x="${WIDTH}" y="${HEIGHT - 10}" text-anchor="end">1</text></svg>`;
  const rows = points.map((point) => [
    point.jaccard,
    point.removed,
    formatPercent(point.removedShare),
    `finds ${point.recall > 0.9999 ? 'over 99.99 %' : `${(point.recall * 100).toFixed(2)} %`} of such pairs`,
  ]);
  return figure(title, svg, table(title, ['J at least', 'rows removed', 'share', 'how sure'], rows));
}

/** `words` says what "exact" means where it is not simply that. */
export function exactMark(exact: boolean, words = 'exact'): string {
  return exact ? `<span class="exact">${escapeHtml(words)}</span>` : '<span class="approx">approximate</span>';
}
