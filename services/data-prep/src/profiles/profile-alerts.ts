// SPDX-License-Identifier: Apache-2.0
import type { Profile, ProfileAlert, Severity } from './profile';

/** Thresholds of the alerts; each alert carries its own beside the value. */
export const ALERT_THRESHOLDS = {
  quarantinedShare: 0.01,
  missingShare: 0.2,
  exactDuplicateShare: 0.01,
  nearDuplicateShare: 0.05,
  piiRows: 0,
  labelShareMin: 0.02,
  labelEvennessMin: 0.5,
  constantColumnDistinct: 1,
  minorityTypeShare: 0,
  longTextShare: 0.01,
  emptyTextRows: 0,
} as const;

const LONG_TEXT_TOKENS = 4_096;
const ORDER: readonly Severity[] = ['high', 'medium', 'low'];
const percent = (share: number) => `${(share * 100).toFixed(share < 0.001 && share > 0 ? 2 : 1)} %`;

type Findings = Omit<Profile, 'alerts' | 'provenance'>;

/** Everything worth a look, most severe first. */
export function profileAlerts(profile: Findings): ProfileAlert[] {
  const alerts = [
    ...quarantine(profile),
    ...keys(profile),
    ...columns(profile),
    ...duplicates(profile),
    ...text(profile),
    ...labels(profile),
    ...pii(profile),
  ];
  return alerts.sort((x, y) => ORDER.indexOf(x.severity) - ORDER.indexOf(y.severity));
}

function quarantine({ rows, quarantined }: Findings): ProfileAlert[] {
  const share = quarantined.rows / Math.max(1, rows + quarantined.rows);
  if (quarantined.rows === 0) return [];
  return [
    {
      severity: share > ALERT_THRESHOLDS.quarantinedShare ? 'high' : 'low',
      code: 'quarantined-rows',
      message: `${quarantined.rows} rows were refused at ingestion (${percent(share)})`,
      value: share,
      threshold: ALERT_THRESHOLDS.quarantinedShare,
    },
  ];
}

function keys({ keys, rows }: Findings): ProfileAlert[] {
  const alerts: ProfileAlert[] = [];
  for (const key of keys.filter((candidate) => !candidate.path.includes('[]') && !candidate.path.includes('.'))) {
    if (key.missingShare > ALERT_THRESHOLDS.missingShare) {
      alerts.push({
        severity: 'medium',
        code: 'missing-values',
        message: `${key.path} is missing or null in ${key.missing} of ${rows} rows (${percent(key.missingShare)})`,
        value: key.missingShare,
        threshold: ALERT_THRESHOLDS.missingShare,
        column: key.path,
      });
    }
    const types = Object.entries(key.types).filter(([type]) => type !== 'null');
    const families = new Set(types.map(([type]) => (type === 'integer' ? 'number' : type)));
    if (families.size < 2) continue;
    const total = types.reduce((sum, [, count]) => sum + count, 0);
    const minority = 1 - Math.max(...types.map(([, count]) => count)) / total;
    alerts.push({
      severity: 'high',
      code: 'mixed-types',
      message: `${key.path} has ${types.map(([type, count]) => `${count} x ${type}`).join(', ')}`,
      value: minority,
      threshold: ALERT_THRESHOLDS.minorityTypeShare,
      column: key.path,
    });
  }
  return alerts;
}

function columns({ columns, rows }: Findings): ProfileAlert[] {
  return columns
    .filter((column) => rows > 1 && column.distinct === ALERT_THRESHOLDS.constantColumnDistinct)
    .map((column) => ({
      severity: 'low',
      code: 'constant-column',
      message: `${column.name} has the same value in every row that has it`,
      value: column.distinct,
      threshold: ALERT_THRESHOLDS.constantColumnDistinct,
      column: column.name,
    }));
}

function duplicates({ duplicates: { exact, near } }: Findings): ProfileAlert[] {
  const alerts: ProfileAlert[] = [];
  if (exact.removedShare > ALERT_THRESHOLDS.exactDuplicateShare) {
    alerts.push({
      severity: 'medium',
      code: 'exact-duplicates',
      message: `${exact.removed} rows are exact copies (${percent(exact.removedShare)})`,
      value: exact.removedShare,
      threshold: ALERT_THRESHOLDS.exactDuplicateShare,
    });
  }
  if (near && near.removedShare > ALERT_THRESHOLDS.nearDuplicateShare) {
    alerts.push({
      severity: 'medium',
      code: 'near-duplicates',
      message: `${near.removed} rows are near-duplicates at J >= ${near.threshold} (${percent(near.removedShare)})`,
      value: near.removedShare,
      threshold: ALERT_THRESHOLDS.nearDuplicateShare,
      column: near.field,
    });
  }
  return alerts;
}

function text({ text: stats, rows }: Findings): ProfileAlert[] {
  if (!stats) return [];
  const alerts: ProfileAlert[] = [];
  const long = stats.contexts.find((context) => context.tokens === LONG_TEXT_TOKENS);
  if (long && long.shareAbove > ALERT_THRESHOLDS.longTextShare) {
    alerts.push({
      severity: 'medium',
      code: 'long-texts',
      message: `${long.rowsAbove} rows have more than ${LONG_TEXT_TOKENS} tokens (${percent(long.shareAbove)})`,
      value: long.shareAbove,
      threshold: ALERT_THRESHOLDS.longTextShare,
      column: stats.field,
    });
  }
  if (stats.words.min === 0) {
    alerts.push({
      severity: 'medium',
      code: 'empty-texts',
      message: `some of the ${rows} rows have no words in ${stats.field}`,
      value: 1,
      threshold: ALERT_THRESHOLDS.emptyTextRows,
      column: stats.field,
    });
  }
  return alerts;
}

function labels({ labels: balance }: Findings): ProfileAlert[] {
  if (!balance || balance.counts.length < 2) return [];
  const alerts: ProfileAlert[] = [];
  const rare = balance.counts.filter((label) => label.share < ALERT_THRESHOLDS.labelShareMin);
  if (rare.length > 0) {
    alerts.push({
      severity: 'medium',
      code: 'rare-labels',
      message: `${rare.length} labels of ${balance.field} have less than ${percent(ALERT_THRESHOLDS.labelShareMin)} of the rows: ${rare
        .slice(0, 5)
        .map((label) => `${label.label} (${label.count})`)
        .join(', ')}`,
      value: Math.min(...rare.map((label) => label.share)),
      threshold: ALERT_THRESHOLDS.labelShareMin,
      column: balance.field,
    });
  }
  if (balance.evenness < ALERT_THRESHOLDS.labelEvennessMin) {
    alerts.push({
      severity: 'medium',
      code: 'label-imbalance',
      message: `labels of ${balance.field} are uneven: entropy is ${percent(balance.evenness)} of its maximum`,
      value: balance.evenness,
      threshold: ALERT_THRESHOLDS.labelEvennessMin,
      column: balance.field,
    });
  }
  return alerts;
}

function pii({ pii: found }: Findings): ProfileAlert[] {
  return found
    .filter((entry) => entry.rows > ALERT_THRESHOLDS.piiRows)
    .map((entry) => ({
      severity:
        entry.type === 'API_KEY' || entry.type === 'CREDIT_CARD' || entry.type === 'IBAN' || entry.type === 'SSN'
          ? 'high'
          : 'medium',
      code: 'personal-data',
      message: `${entry.findings} findings of ${entry.type} in ${entry.rows} rows`,
      value: entry.rows,
      threshold: ALERT_THRESHOLDS.piiRows,
    }));
}
