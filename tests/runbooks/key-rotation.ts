// SPDX-License-Identifier: Apache-2.0
import { eventually } from '#libs/testing';
import { pseudonymKey } from '../../services/data-prep/src/recipes/pseudonym-key';
import { Home } from '../../deploy/local/home';
import { LaunchedPlatform, removeHome, temporaryHome } from '../support/launched-platform';
import { feedbackAbout, query, runbookVariables } from './platform-tools';
import { readRunbook, type RunbookFollower } from './runbook';

/** `NAME=value` lines. */
function readPins(output: string): Record<string, string> {
  return Object.fromEntries(
    output
      .trim()
      .split('\n')
      .map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
  );
}

export function describeKeyRotation(follower: RunbookFollower): void {
  describe('key rotation', () => {
    const home = temporaryHome();
    let platform: LaunchedPlatform | undefined;
    let env: Record<string, string> = {};
    afterAll(async () => {
      await platform?.stop({ keepData: true });
      removeHome(home);
    }, 60_000);

    const roll = async (keys: Record<string, string>): Promise<void> => {
      await platform?.stop({ keepData: true });
      platform = await LaunchedPlatform.start(['--only', 'registry,monitoring'], { MILLRACE_AUTH: 'on', ...keys }, home);
      env = { ...env, ...runbookVariables(platform) };
    };
    const raters = async (): Promise<{ hash: string; n: number }[]> =>
      query(env['MONITORING_DATABASE_URL'], 'select rater_hash as hash, count(*)::int as n from feedback group by 1');
    /** The same person says something more, with a token of this key. */
    const rate = async (id: string, key: string, count: number): Promise<{ hash: string; n: number }[]> => {
      const token = (await follower.follow([tokenStep], { ...env, AUTH_SIGNING_KEY: key }))[0]?.trim();
      const response = await fetch(`${env['MONITORING']}/api/v1/feedback`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: feedbackAbout(id),
      });
      if (!response.ok) throw new Error(`feedback: ${response.status} ${await response.text()}`);
      return eventually(async () => {
        const found = await raters();
        return found.reduce((sum, { n }) => sum + n, 0) === count && found;
      });
    };

    it('rolls all processes through both keys; the former one ends, pseudonyms stay', async () => {
      const [pin, newKey, bothAfterFirst, bothAfterSecond, newOnly] = readRunbook('key-rotation').map((step) => [step]);
      const oldKey = new Home(home).secrets().signingKey;
      await roll({});
      const [first] = await rate('before-rotation', oldKey, 1);

      const [pinned = ''] = await follower.follow(pin ?? [], { ...env, OLD_KEY: oldKey });
      const pins = readPins(pinned);
      const [made = ''] = await follower.follow(newKey ?? [], env);
      const keys = { OLD_KEY: oldKey, NEW_KEY: made.trim() };

      await roll({ ...pins, AUTH_SIGNING_KEY: oldKey, AUTH_ACCEPTED_KEY: keys.NEW_KEY });
      await follower.follow(bothAfterFirst ?? [], { ...env, ...keys });
      await roll({ ...pins, AUTH_SIGNING_KEY: keys.NEW_KEY, AUTH_ACCEPTED_KEY: oldKey });
      await follower.follow(bothAfterSecond ?? [], { ...env, ...keys });
      await roll({ ...pins, AUTH_SIGNING_KEY: keys.NEW_KEY });
      await follower.follow(newOnly ?? [], { ...env, ...keys });

      expect(await rate('after-rotation', keys.NEW_KEY, 2)).toEqual([{ hash: first?.hash, n: 2 }]);
      expect(pseudonymKey({ pseudonymKey: pins['PSEUDONYM_KEY'], authSigningKey: keys.NEW_KEY }, 'default')).toBe(
        pseudonymKey({ authSigningKey: oldKey }, 'default'),
      );
    });
  });
}

const tokenStep = { place: 'token', commands: 'npm run --silent token -- --subject ops@example.org --role editor' };
