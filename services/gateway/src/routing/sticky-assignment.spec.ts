// SPDX-License-Identifier: Apache-2.0
import { chooseTarget, type EndpointRoute, type RouteTarget } from './routing-snapshot';
import { bucketOf, userHash } from './sticky-assignment';

const key = Buffer.alloc(32, 7);
const users = Array.from({ length: 4000 }, (_unused, index) => `user-${index}`);

function target(version: number): RouteTarget {
  return { modelName: 'm', version, manifestDigest: 'd', backendUrl: 'http://b', deploymentId: `m-v${version}`, ready: true };
}

function route(candidatePercent: number, ready = true): EndpointRoute {
  return {
    name: 'triage',
    captureBytesMax: 0,
    timeoutSeconds: 1,
    createTime: new Date(),
    serving: target(1),
    rollout: { id: 'r-1', candidatePercent, candidate: { ...target(2), ready } },
  };
}

describe('sticky assignment', () => {
  it('never moves a user back to control while the percentage grows', () => {
    const onCandidate = new Set<string>();
    for (const percent of [1, 5, 25, 50, 99]) {
      for (const user of users) {
        const arm = chooseTarget(route(percent), key, user, Math.random)!.arm;
        if (onCandidate.has(user)) expect(arm).toBe('candidate');
        if (arm === 'candidate') onCandidate.add(user);
      }
      // Within 4 standard errors of the share asked for.
      const share = percent / 100;
      expect(Math.abs(onCandidate.size / users.length - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / users.length));
    }
  });

  it('is the same for the same rollout, user and key, and independent between rollouts', () => {
    expect(bucketOf(key, 'r-1', 'u')).toBe(bucketOf(key, 'r-1', 'u'));
    const inFirst = users.filter((user) => bucketOf(key, 'r-1', user) < 50);
    const inBoth = inFirst.filter((user) => bucketOf(key, 'r-2', user) < 50).length;
    expect(Math.abs(inBoth / inFirst.length - 0.5)).toBeLessThan(0.05);
    expect(users.every((user) => bucketOf(key, 'r-1', user) >= 0 && bucketOf(key, 'r-1', user) < 100)).toBe(true);
  });

  it('draws for requests without a user', () => {
    expect(chooseTarget(route(50), key, undefined, () => 0.49)!.arm).toBe('candidate');
    expect(chooseTarget(route(50), key, undefined, () => 0.5)!.arm).toBe('control');
  });

  it('does not try a candidate that its backend lost, and counts the request for neither arm', () => {
    const chosen = chooseTarget(route(100, false), key, 'u', Math.random)!;
    expect(chosen).toMatchObject({ arm: 'none', rolloutId: '', target: { version: 1 } });
  });

  it('has no arm outside a rollout and nothing to say for an endpoint without a version', () => {
    expect(chooseTarget({ ...route(50), rollout: undefined }, key, 'u', Math.random)).toMatchObject({
      arm: 'none',
      rolloutId: '',
    });
    expect(chooseTarget({ ...route(50), serving: undefined }, key, 'u', Math.random)).toBeUndefined();
  });

  it('hashes users per workspace', () => {
    expect(userHash(key, 'a', 'u')).toMatch(/^[0-9a-f]{32}$/);
    expect(userHash(key, 'a', 'u')).not.toBe(userHash(key, 'b', 'u'));
    expect(userHash(key, 'a', 'u')).not.toBe(userHash(Buffer.alloc(32, 8), 'a', 'u'));
  });
});
