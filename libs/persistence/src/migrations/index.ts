// SPDX-License-Identifier: Apache-2.0
import { CreateIdempotencyKeys1763900000001 } from './1763900000001-create-idempotency-keys';
import { CreateWorkspaces1763900000002 } from './1763900000002-create-workspaces';

/** Tables that every service database has, whatever the service. */
export const persistenceMigrations = [CreateIdempotencyKeys1763900000001, CreateWorkspaces1763900000002];
