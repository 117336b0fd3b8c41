// SPDX-License-Identifier: Apache-2.0
import { alertmanagerBody, groupKey, labelFingerprint } from './alertmanager-body';

describe('Alertmanager webhook body', () => {
  const facts = {
    labels: { alertname: 'MillraceDrift', model: 'glossary-triage', severity: 'warning' },
    annotations: { summary: 'more plant 3% to 21%' },
    startTime: new Date('2026-11-23T10:00:00.000Z'),
    generatorUrl: 'http://127.0.0.1:7105/api/v1/alerts/1',
  };
  const options = { receiver: 'hook', externalUrl: 'http://127.0.0.1:7105', groupLabels: ['alertname', 'model'] };

  it('is a version 4 body with an open end', () => {
    const body = alertmanagerBody([facts], options);
    expect(body).toMatchObject({
      version: '4',
      status: 'firing',
      groupKey: '{}:{alertname="MillraceDrift", model="glossary-triage"}',
      truncatedAlerts: 0,
      receiver: 'hook',
      groupLabels: { alertname: 'MillraceDrift', model: 'glossary-triage' },
      commonAnnotations: { summary: 'more plant 3% to 21%' },
    });
    expect(body.alerts[0]).toMatchObject({
      status: 'firing',
      startsAt: '2026-11-23T10:00:00.000Z',
      endsAt: '0001-01-01T00:00:00Z',
    });
  });

  it('is resolved only when all of its alerts are', () => {
    const ended = { ...facts, endTime: new Date('2026-11-23T11:00:00.000Z') };
    expect(alertmanagerBody([facts, ended], options).status).toBe('firing');
    expect(alertmanagerBody([ended], options)).toMatchObject({
      status: 'resolved',
      alerts: [{ status: 'resolved', endsAt: '2026-11-23T11:00:00.000Z' }],
    });
  });

  it('fingerprints labels whatever their order, with separators between name and value', () => {
    // FNV-1a 64 offset basis: the fingerprint of no labels in Prometheus' common model.
    expect(labelFingerprint({})).toBe('cbf29ce484222325');
    expect(labelFingerprint({ a: 'b', c: 'd' })).toBe(labelFingerprint({ c: 'd', a: 'b' }));
    expect(labelFingerprint({ a: 'bc' })).not.toBe(labelFingerprint({ ab: 'c' }));
    expect(groupKey({ q: 'say "x"' })).toBe('{}:{q="say \\"x\\""}');
  });
});
