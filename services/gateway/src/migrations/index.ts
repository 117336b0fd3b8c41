// SPDX-License-Identifier: Apache-2.0
import { CreateEndpoints1763910000001 } from './1763910000001-create-endpoints';
import { CreateDeployments1763910000002 } from './1763910000002-create-deployments';
import { CreateRollouts1763910000003 } from './1763910000003-create-rollouts';
import { CreateApiKeys1763910000004 } from './1763910000004-create-api-keys';

export const migrations = [
  CreateEndpoints1763910000001,
  CreateDeployments1763910000002,
  CreateRollouts1763910000003,
  CreateApiKeys1763910000004,
];
