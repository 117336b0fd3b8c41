// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { embeddedPostgresData } from '#libs/embedded-postgres';
import { Home } from '../../deploy/local/home';

/**
 * What the processes are told in confidence beside what the home makes: every setting that is declared as secret. Said openly here,
 * so that it can be looked for afterwards.
 */
export const SECRET_SETTINGS = {
  RATER_HASH_KEY: 'canary-rater-hash-key-41d0c7',
  PSEUDONYM_KEY: 'canary-pseudonym-key-9e02b6',
  AUTH_ACCEPTED_KEY: 'canary-accepted-key-with-32-bytes-and-more-7b',
};

/** What hostile callers send as a credential, or where one might stand by mistake: nobody may find it again. */
export const SENT_SECRETS = {
  bearer: 'canary-bearer-5f1c9e',
  basic: 'canary-basic-77d0aa',
  apiKey: 'sk-mr-canary-3b9e41',
  grpc: 'canary-grpc-c4d2f0',
  cookie: 'canary-cookie-9a8b7c',
  query: 'canary-query-0e6d35',
  body: 'canary-body-b81f24',
};

/** Every secret that a platform runs with when it was started with SECRET_SETTINGS, by name. */
export function secretsOfPlatform(home: Home): Record<string, string> {
  const { signingKey, databasePasswords } = home.secrets();
  const passwords = Object.entries(databasePasswords).map(([role, password]) => [`password of ${role}`, password]);
  return {
    'signing key': signingKey,
    'password of the database administrator': readFileSync(join(postgresFolderOf(home), 'password'), 'utf8').trim(),
    ...SECRET_SETTINGS,
    ...(Object.fromEntries(passwords) as Record<string, string>),
  };
}

/** Where the database server keeps its log, its password and, below `data`, its files. */
export function postgresFolderOf(home: Home): string {
  return dirname(embeddedPostgresData(home.postgresDirectory));
}
