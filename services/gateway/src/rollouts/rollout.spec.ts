// SPDX-License-Identifier: Apache-2.0
import type { Endpoint } from '../endpoints/endpoint';
import { checkEndpoint, endpointState, modelUri, normalBackendUrl, parseModelUri } from '../endpoints/endpoint';
import { backOffMs, deploymentId } from '../deployments/deployment';
import { planAliasMove } from './alias-move';
import { advance, candidatePercent, finish, servingAfter, startRollout, type Rollout } from './rollout';
import { DEFAULT_RULES } from './rollout-rules';

const now = new Date('2026-11-23T00:00:00Z');
const v1 = { version: 1, manifestDigest: 'one' };
const v2 = { version: 2, manifestDigest: 'two' };
const cause = { verdictId: 'verdict-1', actor: 'service:monitoring', reason: 'not worse' };

function rollout(steps: number[]): Rollout | undefined {
  const rules = { ...DEFAULT_RULES, steps };
  const names = { workspace: 'default', id: 'r', endpoint: 'triage', modelName: 'm', alias: 'champion' };
  return startRollout({ ...names, control: v1, candidate: v2, rules, now });
}

describe('rollout', () => {
  it('walks its steps and is promoted after the last one below 100', () => {
    let current = rollout([1, 50, 100])!;
    expect(candidatePercent(current)).toBe(1);
    current = advance(current, cause, now)!;
    expect([current.state, current.step, candidatePercent(current), current.sequence]).toEqual(['running', 2, 50, 2]);
    current = advance(current, { ...cause, verdictId: 'verdict-2' }, now)!;
    expect([current.state, candidatePercent(current), current.sequence]).toEqual(['promoted', 100, 3]);
    expect(servingAfter(current)).toEqual({ serving: v2, retired: v1 });
  });

  it('does not step twice for one verdict', () => {
    const stepped = advance(rollout([1, 5, 25])!, cause, now)!;
    expect(advance(stepped, cause, now)).toBeUndefined();
  });

  it('with one step is promoted by one verdict', () => {
    expect(advance(rollout([50])!, cause, now)!.state).toBe('promoted');
  });

  it('tests nothing when the only step is 100', () => {
    expect(rollout([100])).toBeUndefined();
  });

  it('ends once: what comes later changes nothing', () => {
    const back = finish(rollout([50])!, 'rolled-back', cause, now)!;
    expect(servingAfter(back)).toEqual({ serving: v1, retired: v2 });
    expect(candidatePercent(back)).toBe(0);
    expect(finish(back, 'promoted', cause, now)).toBeUndefined();
    expect(advance(back, { ...cause, verdictId: 'late' }, now)).toBeUndefined();
  });
});

describe('planAliasMove', () => {
  const endpoint = { serving: v1, pending: undefined, rolloutId: undefined } as Endpoint;
  const running = rollout([50])!;

  it('loads another version, without touching what serves', () => {
    const plan = planAliasMove(endpoint, undefined, { ...v2, direct: false });
    expect(plan).toEqual({ supersede: false, pending: v2, pendingDirect: false });
  });

  it('starts nothing for the version that serves, and ends a running rollout', () => {
    const target = { ...v1, direct: false };
    expect(planAliasMove(endpoint, undefined, target)).toEqual({ supersede: false, pending: undefined, pendingDirect: false });
    expect(planAliasMove(endpoint, running, target).supersede).toBe(true);
  });

  it('goes on with a rollout of the same version and replaces one of another', () => {
    expect(planAliasMove(endpoint, running, { ...v2, direct: false }).supersede).toBe(false);
    const v3 = { version: 3, manifestDigest: 'three' };
    expect(planAliasMove(endpoint, running, { ...v3, direct: false })).toEqual({
      supersede: true,
      pending: v3,
      pendingDirect: false,
    });
  });

  it('serves the target of a roll-back without a rollout', () => {
    expect(planAliasMove(endpoint, undefined, { ...v2, direct: true }).pendingDirect).toBe(true);
  });

  it('takes a version that was registered again under other bytes for another version', () => {
    expect(planAliasMove(endpoint, undefined, { version: 1, manifestDigest: 'other', direct: false }).pending).toBeDefined();
  });
});

describe('endpoint', () => {
  const options = { captureBytesMax: 0, timeoutSeconds: 1, rules: DEFAULT_RULES };

  function fieldsOf(name: string, change: object): string[] {
    try {
      checkEndpoint(name, { ...options, ...change });
    } catch (error) {
      return (error as { details: { violations: { field: string }[] } }).details.violations.map(({ field }) => field);
    }
    return [];
  }

  it('names every wrong field', () => {
    const judgement = {
      ...DEFAULT_RULES.judgement,
      margin: 1,
      alpha: 0,
      looks: 0,
      metric: '',
      harmAlpha: 1,
      requestsPerArmMax: 1,
    };
    const rules = { steps: [0, 5, 5, 101], judgement };
    expect(fieldsOf('a b', { captureBytesMax: -1, timeoutSeconds: 0.5, rules })).toEqual([
      'name',
      'captureBytesMax',
      'timeoutSeconds',
      'rolloutPolicy.steps[0]',
      'rolloutPolicy.steps[2]',
      'rolloutPolicy.steps[3]',
      'rolloutPolicy.metric',
      'rolloutPolicy.margin',
      'rolloutPolicy.alpha',
      'rolloutPolicy.harmAlpha',
      'rolloutPolicy.looks',
      'rolloutPolicy.requestsPerArmMax',
    ]);
    expect(fieldsOf('triage', { rules: { ...DEFAULT_RULES, steps: [] } })).toEqual(['rolloutPolicy.steps']);
    expect(fieldsOf('triage', {})).toEqual([]);
  });

  it('reads model URIs and writes them back', () => {
    expect(parseModelUri('models:/triage@champion')).toEqual({ modelName: 'triage', alias: 'champion' });
    expect(parseModelUri('models:/triage/3')).toEqual({ modelName: 'triage', version: 3 });
    for (const uri of ['triage', 'models:/triage', 'models:/a/b/3', 'models:/triage/0', 'models:/triage@', 'models:/a b@x']) {
      expect(() => parseModelUri(uri)).toThrow(/modelUri/);
    }
    expect(modelUri({ modelName: 'triage', alias: undefined, pinnedVersion: 3 })).toBe('models:/triage/3');
  });

  it('normalises backend URLs and refuses what is none', () => {
    expect(normalBackendUrl('HTTP://Host:80/base/')).toBe('http://host/base');
    for (const url of ['x', 'file:///etc/passwd', 'http://u:p@host', 'http://host/?q=1', 'http://host/#x']) {
      expect(() => normalBackendUrl(url)).toThrow(/backendUrl/);
    }
  });

  it('tells its state', () => {
    expect(endpointState({ serving: undefined, pending: undefined, rolloutId: undefined })).toBe('waiting');
    expect(endpointState({ serving: undefined, pending: v1, rolloutId: undefined })).toBe('deploying');
    expect(endpointState({ serving: v1, pending: v2, rolloutId: undefined })).toBe('serving');
    expect(endpointState({ serving: v1, pending: undefined, rolloutId: 'r' })).toBe('rolling-out');
  });
});

describe('deployment', () => {
  it('has one id per workspace, model and version', () => {
    expect(deploymentId('default', 'm', 2)).toBe('m-v2');
    expect(deploymentId('team', 'm', 2)).toBe('team:m-v2');
  });

  it('backs off to 30 s', () => {
    expect(backOffMs(1, () => 0)).toBe(500);
    expect(backOffMs(3, () => 0)).toBe(2000);
    expect(backOffMs(100, () => 0)).toBe(30_000);
    expect(backOffMs(1, () => 1)).toBe(375);
  });
});
