// SPDX-License-Identifier: Apache-2.0
import { describeMutants, describeWorld } from './describe-world';
import { WEBHOOK_MUTANTS } from './webhooks-mutants';

describeWorld('webhooks', { seed: 1, schedules: 500 });
describeMutants(WEBHOOK_MUTANTS, 4_000);
