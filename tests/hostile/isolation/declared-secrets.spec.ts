// SPDX-License-Identifier: Apache-2.0
import { ProcessSettings, settingsOf } from '#libs/config';
import { serviceNames, settingsClassOf } from '../../../deploy/scripts/service-documents';
import { SECRET_SETTINGS } from '../../support/platform-secrets';

// tests/e2e/loop.e2e-spec.ts looks for these everywhere; the launcher makes the signing key.
it('every setting that a service declares as secret is one that is looked for', () => {
  const classes = serviceNames().map(settingsClassOf);
  expect(classes.length).toBe(7);
  expect(classes.every((each) => each.prototype instanceof ProcessSettings)).toBe(true);
  const declared = new Set(classes.flatMap((each) => settingsOf(each).filter(({ secret }) => secret)).map(({ env }) => env));
  expect([...declared].sort()).toEqual(['AUTH_SIGNING_KEY', ...Object.keys(SECRET_SETTINGS)].sort());
});
