// SPDX-License-Identifier: Apache-2.0
import { faultsInLogs, type ExpectedLine } from './judge-logs';

const secrets = { 'signing key': 'canary-signing-key-5f1c9e', 'wrong token': 'canary-wrong-token-77d0aa' };
const started = '{"level":"info","time":"2026-11-28T00:00:00Z","service":"gateway","msg":"service started"}';
const line = (level: unknown, fields: Record<string, unknown> = {}): string =>
  JSON.stringify({ level, time: '2026-11-28T00:00:00Z', service: 'gateway', ...fields, msg: 'http request failed' });
const faults = (lines: string[], output = 'Ready in 3 s\n', expected: ExpectedLine[] = []): string[] =>
  faultsInLogs({ output, logs: { gateway: [started, ...lines].join('\n') } }, secrets, expected);

describe('the judge of the logs of a fuzzed platform', () => {
  it('finds nothing in a platform that is well', () => {
    expect(faults([])).toEqual([]);
  });

  it.each(['error', 'fatal', 50, 60])('finds a line at level %s', (level) => {
    expect(faults([line('info'), line(level)])).toEqual([expect.stringContaining('gateway logged: {"level":')]);
  });

  it.each(['debug', 'info', 'warn', 20, 30, 40])('leaves a line at level %s alone', (level) => {
    expect(faults([line(level)])).toEqual([]);
  });

  it('finds a serious line that was cut in the middle', () => {
    expect(faults([line('error').slice(0, 60)])).toHaveLength(1);
  });

  it('leaves a line alone that only repeats such a level from outside', () => {
    expect(faults([line('warn', { name: '"level":"error"' }), line('warn', { nested: { level: 'error' } })])).toEqual([]);
  });

  it('leaves an expected line alone: one with that message and such a code', () => {
    const expected = { message: 'http request failed', isExpectedCode: (code: string) => code === 'FAIR', reason: 'this spec' };
    expect(faults([line('error', { code: 'FAIR' })], '', [expected])).toEqual([]);
    expect(faults([line('error', { code: 'COMMON.INTERNAL' })], '', [expected])).toHaveLength(1);
    expect(faults([line('error')], '', [expected])).toHaveLength(1);
    expect(faults([line('error', { code: 'FAIR' })], '', [{ ...expected, message: 'another' }])).toHaveLength(1);
  });

  it('finds a process that was started again, or whose start nobody saw', () => {
    expect(faults([started])).toEqual(['gateway was started 2 times']);
    expect(faultsInLogs({ output: '', logs: { gateway: line('info') } }, secrets)).toEqual(['gateway was started 0 times']);
  });

  it.each([
    'gateway was killed by SIGABRT; restart in 500 ms (see /tmp/gateway.log)',
    'gateway ended with code 0; restart in 500 ms (see /tmp/gateway.log)',
    'gateway refused its settings: see /tmp/gateway.log',
  ])('finds that the launcher said: %s', (said) => {
    expect(faults([], `Ready in 3 s\n${said}\n`)).toEqual([`the launcher said: ${said}`]);
  });

  it('finds a secret at any level, in the log and in the output of the launcher', () => {
    expect(faults([line('debug', { headers: { authorization: `Bearer ${secrets['wrong token']}` } })])).toEqual([
      'wrong token in log of gateway',
    ]);
    expect(faults([], `key ${secrets['signing key']}`)).toEqual(['signing key in output of the launcher']);
    expect(faults([`raw ${Buffer.from(`me:${secrets['wrong token']}`).toString('base64')}`])).toEqual([
      'wrong token in log of gateway',
    ]);
  });

  it('says first what leaked', () => {
    const [first, second] = faults([line('error'), secrets['wrong token']]);
    expect([first, second]).toEqual(['wrong token in log of gateway', expect.stringContaining('gateway logged')]);
  });

  it('leaves masked secrets alone', () => {
    expect(faults([line('info', { authorization: '***', apiKey: 'sk-mr-Ab1_' })])).toEqual([]);
  });
});
