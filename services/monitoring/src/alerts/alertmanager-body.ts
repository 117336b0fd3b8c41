// SPDX-License-Identifier: Apache-2.0

/** One alert as a receiver of Alertmanager webhooks sees it. Times are RFC 3339; endsAt is 0001-01-01T00:00:00Z while open. */
export interface AlertmanagerAlert {
  status: 'firing' | 'resolved';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
  fingerprint: string;
}

/** Alertmanager webhook body, version 4 (prometheus.io/docs/alerting/latest/configuration/#webhook_config). */
export interface AlertmanagerBody {
  version: '4';
  groupKey: string;
  truncatedAlerts: number;
  status: 'firing' | 'resolved';
  receiver: string;
  groupLabels: Record<string, string>;
  commonLabels: Record<string, string>;
  commonAnnotations: Record<string, string>;
  externalURL: string;
  alerts: AlertmanagerAlert[];
}

/** An alert of ours, before translation. */
export interface AlertFacts {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startTime: Date;
  endTime?: Date;
  generatorUrl: string;
}

const OPEN_END = '0001-01-01T00:00:00Z';

/** 64-bit FNV-1a of sorted label pairs with 0xff separators: the fingerprint of Prometheus' common model, 16 hex digits. */
export function labelFingerprint(labels: Record<string, string>): string {
  const prime = 0x100000001b3n;
  let hash = 0xcbf29ce484222325n;
  const feed = (text: string): void => {
    for (const byte of [...Buffer.from(text, 'utf8'), 0xff]) hash = ((hash ^ BigInt(byte)) * prime) & 0xffffffffffffffffn;
  };
  for (const name of Object.keys(labels).sort()) {
    feed(name);
    feed(labels[name] ?? '');
  }
  return hash.toString(16).padStart(16, '0');
}

/** `{}:{alertname="x", model="y"}`: the group key of a root route, as Alertmanager prints it. */
export function groupKey(groupLabels: Record<string, string>): string {
  const pairs = Object.keys(groupLabels)
    .sort()
    .map((name) => `${name}=${JSON.stringify(groupLabels[name] ?? '')}`);
  return `{}:{${pairs.join(', ')}}`;
}

function common(maps: readonly Record<string, string>[]): Record<string, string> {
  const [first, ...others] = maps;
  return Object.fromEntries(Object.entries(first ?? {}).filter(([name, value]) => others.every((map) => map[name] === value)));
}

/** The body for one notification of one group of alerts. Receivers deduplicate by (groupKey, fingerprint, startsAt). */
export function alertmanagerBody(
  alerts: readonly AlertFacts[],
  options: { receiver: string; externalUrl: string; groupLabels: readonly string[] },
): AlertmanagerBody {
  const translated = alerts.map((alert): AlertmanagerAlert => ({
    status: alert.endTime ? 'resolved' : 'firing',
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: alert.startTime.toISOString(),
    endsAt: alert.endTime ? alert.endTime.toISOString() : OPEN_END,
    generatorURL: alert.generatorUrl,
    fingerprint: labelFingerprint(alert.labels),
  }));
  const commonLabels = common(translated.map((alert) => alert.labels));
  const groupLabels = Object.fromEntries(
    options.groupLabels.flatMap((name) => (commonLabels[name] === undefined ? [] : [[name, commonLabels[name]]])),
  ) as Record<string, string>;
  return {
    version: '4',
    groupKey: groupKey(groupLabels),
    truncatedAlerts: 0,
    status: translated.some((alert) => alert.status === 'firing') ? 'firing' : 'resolved',
    receiver: options.receiver,
    groupLabels,
    commonLabels,
    commonAnnotations: common(translated.map((alert) => alert.annotations)),
    externalURL: options.externalUrl,
    alerts: translated,
  };
}
