// SPDX-License-Identifier: Apache-2.0
import type { Approval } from '../approvals/approval';
import type { AuditEntry } from '../audit/audit-entry';
import type { Evaluation } from '../evaluations/evidence';
import type { EvaluatedVersion } from '../models/find-versions';
import type { RegisteredModel } from '../models/model';
import { html, type SafeHtml } from './html';

/** What the page shows of a workspace. */
export interface RegistryOverview {
  workspace: string;
  models: { model: RegisteredModel; versions: EvaluatedVersion[]; more: boolean }[];
  moreModels: boolean;
  approvals: Approval[];
  audit: AuditEntry[];
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1b2430;--dim:#5c6878;--paper:#fbfbf9;--card:#fff;--line:#dfe3e8;--mark:#0f6b5c;--warn:#9a5b00}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--dim:#9aa6b5;--paper:#14181e;--card:#1c222a;--line:#303843;--mark:#5fd0bb;--warn:#f0b35a}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:32px 0 8px}h3{font-size:15px;margin:0 0 8px}
section.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px;margin:0 0 16px;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--dim);font-weight:600;font-size:13px}tr:last-child td{border-bottom:0}
.alias{display:inline-block;border:1px solid var(--mark);color:var(--mark);border-radius:999px;padding:0 8px;margin-right:4px;font-size:13px}
.score{display:grid;grid-template-columns:minmax(9em,auto) 3.2em 1fr;gap:0 10px}.why{min-width:16rem}.on{min-width:14rem}.score>.dim{min-width:13rem}.when{white-space:nowrap}code{overflow-wrap:anywhere}
.dim{color:var(--dim)}.warn{color:var(--warn)}code{font-size:13px}
@media(max-width:760px){thead{display:none}tr,td{display:block}tr{border-bottom:1px solid var(--line);padding:8px 0}tr:last-child{border-bottom:0}
td{border:0;padding:2px 0;overflow-wrap:anywhere}td:empty{display:none}td[data-label]::before{content:attr(data-label) " ";color:var(--dim);font-size:13px}.when{white-space:normal}.why,.on{min-width:0}.score{grid-template-columns:1fr auto}.score .dim{grid-column:1/-1;margin-bottom:4px}}`;

/** The page: models with versions, scores and aliases, approvals that wait, and the end of the audit. No script, nothing from outside. */
export function renderRegistryPage(overview: RegistryOverview): string {
  const { workspace, models, approvals, audit } = overview;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Registry: ${workspace}</title>
        <style>
          ${STYLE_ELEMENT}
        </style>
      </head>
      <body>
        <main>
          <h1>Model registry</h1>
          <p class="dim">
            Workspace ${workspace}. The mlflow client works against this address: <code>MLFLOW_TRACKING_URI</code>.
          </p>
          <h2>Approvals that wait</h2>
          ${approvals.length > 0 ? approvalTable(approvals) : html`<p class="dim">None.</p>`}
          <h2>Models</h2>
          ${models.length > 0 ? models.map(modelCard) : html`<p class="dim">No model is registered yet.</p>`}
          ${overview.moreModels ? html`<p class="dim">More models: <code>GET /api/v1/models</code>.</p>` : ''}
          <h2>Audit</h2>
          ${audit.length > 0 ? auditTable(audit) : html`<p class="dim">Nothing has happened yet.</p>`}
          <p class="dim">The whole chain: <code>GET /api/v1/audit</code>, checked by <code>POST /api/v1/audit/verify</code>.</p>
        </main>
      </body>
    </html>`.text;
}

const STYLE_ELEMENT = html([STYLE] as unknown as TemplateStringsArray);

function modelCard({ model, versions, more }: RegistryOverview['models'][number]): SafeHtml {
  const rows = versions.map(
    (version) =>
      html`<tr>
        <td data-label="version">${version.version}</td>
        <td>${version.aliases.map((alias) => html`<span class="alias">${alias}</span>`)}</td>
        <td>${scores(version.evaluations)}</td>
        <td>${origin(version)}</td>
        <td class="dim when">${time(new Date(version.creationMs))}</td>
      </tr>`,
  );
  return html`<section class="card">
    <h3>${model.name}</h3>
    ${model.description ? html`<p>${model.description}</p>` : ''}
    <table>
      <thead>
        <tr>
          <th>version</th>
          <th>aliases</th>
          <th>scores</th>
          <th>made by</th>
          <th>registered</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    ${more ? html`<p class="dim">Older versions: <code>GET /api/v1/models/${model.name}/versions</code>.</p>` : ''}
  </section>`;
}

function scores(evaluations: readonly Evaluation[]): SafeHtml[] {
  const seen = new Set<string>();
  const newest = evaluations.filter(({ slice, metric }) => !seen.has(`${slice}/${metric}`) && seen.add(`${slice}/${metric}`));
  return newest.map((one) => {
    const baselines = Object.entries(one.baselines).map(([name, value]) => `${name} ${round(value)}`);
    const beside = baselines.length > 0 ? `; beside ${baselines.join(', ').replaceAll('_', ' ')}` : '';
    return html`<div class="score">
      <span>${one.slice} ${one.metric}</span> <b>${round(one.value)}</b>
      <span class="dim">[${round(one.low)}, ${round(one.high)}] on ${one.rows} rows${beside}</span>
    </div>`;
  });
}

function origin(version: EvaluatedVersion): SafeHtml {
  const { lineage } = version;
  if (!lineage) return html`<code>${version.source}</code>`;
  return html`<div>job <code>${lineage.jobId}</code></div>
    <div class="dim">base ${lineage.baseModelName || 'none'}, seed ${lineage.seed}</div>
    ${lineage.inputs.map((input) => html`<div class="dim"><code>${input.slice(0, 72)}</code></div>`)}`;
}

function approvalTable(approvals: readonly Approval[]): SafeHtml {
  const rows = approvals.map((one) => {
    const yes = one.votes.filter((vote) => vote.approve).length;
    const forced = one.forcedRules.map((rule) => html`<div class="warn">forced past: ${rule}</div>`);
    return html`<tr>
      <td>${one.modelName}@${one.alias} to version ${one.version}</td>
      <td data-label="asked by">${one.requestedBy}</td>
      <td class="why">${one.reason}${forced}</td>
      <td data-label="yes">${yes} of ${one.approvalsRequired}</td>
      <td class="dim when" data-label="expires">${time(one.expireTime)}</td>
      <td><code>${one.id}</code></td>
    </tr>`;
  });
  return html`<section class="card">
    <table>
      <thead>
        <tr>
          <th>move</th>
          <th>asked by</th>
          <th>why</th>
          <th>yes</th>
          <th>expires</th>
          <th>id</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </section>`;
}

function auditTable(entries: readonly AuditEntry[]): SafeHtml {
  const rows = entries.map(
    (entry) =>
      html`<tr>
        <td data-label="#">${entry.sequence}</td>
        <td class="dim when">${time(entry.time)}</td>
        <td>${entry.actor}</td>
        <td>${entry.action}</td>
        <td class="on"><code>${entry.subject}</code></td>
        <td class="why">${entry.reason}</td>
      </tr>`,
  );
  return html`<section class="card">
    <table>
      <thead>
        <tr>
          <th>#</th>
          <th>when</th>
          <th>who</th>
          <th>what</th>
          <th>on</th>
          <th>why</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </section>`;
}

function round(value: number): string {
  return value.toFixed(3);
}

function time(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
