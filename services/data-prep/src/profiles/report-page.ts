// SPDX-License-Identifier: Apache-2.0
import { curveFigure, escapeHtml, exactMark, formatNumber, formatPercent, histogramFigure, rankFigure, table } from './charts';
import type { ColumnProfile, Profile } from './profile';
import { REPORT_STYLE } from './report-style';

/** The profile as one self-contained page: no script, no request, every chart also as a table, light and dark. */
export function reportPage(profile: Profile): string {
  const title = `Profile of ${profile.dataset.name}, version ${profile.dataset.version}`;
  const sections = [
    section('alerts', 'Alerts', alerts(profile)),
    section('text', 'Text', text(profile)),
    section('duplicates', 'Duplicates', duplicates(profile)),
    section('labels', 'Labels', labels(profile)),
    section('pii', 'Personal data', pii(profile)),
    section('columns', 'Columns', columns(profile)),
    section('keys', 'Keys and types', keys(profile)),
    section('provenance', 'Provenance', provenance(profile)),
  ].filter((part) => part.body !== '');
  const nav = sections.map(({ id, heading }) => `<a href="#${id}">${escapeHtml(heading)}</a>`).join('');
  const body = sections
    .map((part) => `<section id="${part.id}"><h2>${escapeHtml(part.heading)}</h2>${part.body}</section>`)
    .join('');
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">` +
    `<title>${escapeHtml(title)}</title><style>${REPORT_STYLE}</style></head><body><header><p class="brand">Millrace</p><h1>${escapeHtml(title)}</h1>` +
    `${tiles(profile)}<nav aria-label="Sections">${nav}</nav></header><main>${body}</main></body></html>`
  );
}

function section(id: string, heading: string, body: string) {
  return { id, heading, body };
}

function tiles(profile: Profile): string {
  const { near, exact } = profile.duplicates;
  const tile = (name: string, value: string, note = '') =>
    `<div class="tile"><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}<small>${escapeHtml(note)}</small></dd></div>`;
  const high = profile.alerts.filter((alert) => alert.severity === 'high').length;
  return `<dl class="tiles">${[
    tile('Rows', formatNumber(profile.rows), `${(profile.bytes / 1e6).toFixed(2)} MB`),
    tile('Refused at ingestion', formatNumber(profile.quarantined.rows)),
    tile('Exact copies', formatNumber(exact.removed), formatPercent(exact.removedShare)),
    near ? tile(`Near-duplicates, J ≥ ${near.threshold}`, formatNumber(near.removed), formatPercent(near.removedShare)) : '',
    profile.text
      ? tile(
          'Tokens',
          formatNumber(Math.round(profile.text.tokens.mean * profile.text.tokens.count)),
          profile.text.tokens.tokenizer,
        )
      : '',
    tile('Alerts', formatNumber(profile.alerts.length), high ? `${high} high` : ''),
  ].join('')}</dl>`;
}

function alerts(profile: Profile): string {
  if (profile.alerts.length === 0) return '<p>None: nothing crossed a threshold.</p>';
  const items = profile.alerts.map(
    (alert) =>
      `<li class="alert ${alert.severity}"><span class="badge">${alert.severity}</span> ${escapeHtml(alert.message)} ` +
      `<small>${escapeHtml(alert.code)}, threshold ${escapeHtml(formatNumber(alert.threshold))}</small></li>`,
  );
  return `<ul class="alerts">${items.join('')}</ul>`;
}

function text(profile: Profile): string {
  const stats = profile.text;
  if (!stats) return '';
  const contexts = stats.contexts.map((context) => [context.tokens, context.rowsAbove, formatPercent(context.shareAbove)]);
  return (
    `<p>Field <code>${escapeHtml(stats.field)}</code>.</p><div class="grid">${histogramFigure('Words per row', stats.words, 'words')}` +
    `${histogramFigure(`Tokens per row, ${stats.tokens.tokenizer}`, stats.tokens, 'tokens')}${histogramFigure('Characters per row', stats.characters, 'characters')}</div>` +
    table('Rows longer than a context', ['tokens', 'rows above', 'share'], contexts)
  );
}

function duplicates(profile: Profile): string {
  const { exact, near } = profile.duplicates;
  const head = `<p>${formatNumber(exact.removed)} rows equal an earlier row in every field ${exactMark(true)}.</p>`;
  if (!near) return head;
  const compared = near.rowsCompared === profile.rows ? 'all rows' : `the first ${formatNumber(near.rowsCompared)} rows`;
  const groups = near.largest.map((group) => [
    group.copies + 1,
    group.keptRowId,
    group.sample,
    group.example.rowId,
    group.example.sample,
    Number(group.example.jaccard.toFixed(4)),
  ]);
  const sizes = near.groupSizes
    .slice(0, 15)
    .map(({ size, groups: count }) => ({ name: `${size} rows`, value: count, note: formatNumber(count) }));
  return (
    `${head}<p>${formatNumber(near.removed)} rows of ${compared} are near-duplicates in <code>${escapeHtml(near.field)}</code> at J ≥ ${near.threshold} over ` +
    `${near.shingleWords}-word shingles, each verified against the row kept in its place ${exactMark(near.exact, 'verified, over 99.98 % found')}.</p><div class="grid">` +
    `${curveFigure('Rows removed by threshold', near.curve, near.threshold)}${sizes.length ? rankFigure('Sizes of groups', sizes, 'groups') : ''}</div>` +
    (groups.length
      ? table('Largest groups', ['rows', 'kept', 'text (masked)', 'a copy', 'its text (masked)', 'Jaccard'], groups)
      : '')
  );
}

function labels(profile: Profile): string {
  const balance = profile.labels;
  if (!balance) return '';
  const entries = balance.counts.map((label) => ({ name: label.label, value: label.count, note: formatPercent(label.share) }));
  const more = balance.labelsLeftOut ? `<p>${formatNumber(balance.labelsLeftOut)} rarer labels are not shown.</p>` : '';
  return (
    `<p>Field <code>${escapeHtml(balance.field)}</code>; evenness (entropy over its maximum) <b>${formatNumber(balance.evenness)}</b> ${exactMark(true)}.</p>` +
    `<div class="grid">${rankFigure('Rows per label', entries, 'rows')}</div>${more}`
  );
}

function pii(profile: Profile): string {
  if (profile.pii.length === 0)
    return '<p>No finding of the checked formats (addresses, numbers with a checksum, keys). That is no proof of absence.</p>';
  const rows = profile.pii.map((entry) => [
    entry.type,
    entry.rows,
    entry.findings,
    entry.samples.map((sample) => `${sample.value} (row ${sample.rowId}, ${sample.field})`).join('; '),
  ]);
  return table('Findings by type; samples are masked', ['type', 'rows', 'findings', 'samples'], rows);
}

function columns(profile: Profile): string {
  if (profile.columns.length === 0) return '';
  return `<div class="grid">${profile.columns.map((column) => columnCard(column, profile.rows)).join('')}</div>`;
}

function columnCard(column: ColumnProfile, rows: number): string {
  const heading = `<h3><code>${escapeHtml(column.name)}</code> <small>${column.kind}, ${formatNumber(column.distinct)} distinct</small> ${exactMark(true)}</h3>`;
  const isId = column.distinct === rows && rows > 1 && column.kind === 'text';
  const top = column.top.map((entry) => ({
    name: entry.value,
    value: entry.count,
    note: formatPercent(entry.count / Math.max(1, rows)),
  }));
  const chart = column.numbers
    ? histogramFigure(`Values of ${column.name}`, column.numbers, column.name)
    : isId
      ? '<p>Every row has its own value.</p>'
      : rankFigure(`Most frequent values of ${column.name}`, top, 'rows');
  return `<div class="card">${heading}${chart}</div>`;
}

function keys(profile: Profile): string {
  const rows = profile.keys.map((key) => [
    key.path,
    key.present,
    key.missing,
    formatPercent(key.missingShare),
    Object.entries(key.types)
      .map(([type, count]) => `${type} ${formatNumber(count)}`)
      .join(', '),
  ]);
  const more = profile.keysLeftOut ? `<p>${formatNumber(profile.keysLeftOut)} further key paths are not listed.</p>` : '';
  return table('Keys over all rows', ['key', 'present', 'missing or null', 'share', 'types'], rows) + more;
}

function provenance(profile: Profile): string {
  const rows = [
    ['dataset version', profile.dataset.versionId],
    ['sha256 of its rows', profile.dataset.contentDigest],
    ['made by', profile.provenance.tool],
    ['ready', profile.provenance.completeTime],
    ['seconds', profile.provenance.seconds],
    ['tokenizer', profile.provenance.tokenizer],
  ];
  return table('How these numbers were made', ['what', 'value'], rows);
}
