// SPDX-License-Identifier: Apache-2.0
import { CreateInferences1764590400001 } from './1764590400001-create-inferences';
import { CreateFeedback1764590400002 } from './1764590400002-create-feedback';
import { CreateMonitors1764590400003 } from './1764590400003-create-monitors';
import { CreateRollouts1764590400004 } from './1764590400004-create-rollouts';
import { SpareFeedbackLocks1764590400005 } from './1764590400005-spare-feedback-locks';
import { OrderServedModels1764590400006 } from './1764590400006-order-served-models';
import { IndexDeliveriesByWorkspace1764590400007 } from './1764590400007-index-deliveries-by-workspace';
import { IndexOldHistory1764590400008 } from './1764590400008-index-old-history';

/** All migrations of monitoring, in order. */
export const migrations = [
  CreateInferences1764590400001,
  CreateFeedback1764590400002,
  CreateMonitors1764590400003,
  CreateRollouts1764590400004,
  SpareFeedbackLocks1764590400005,
  OrderServedModels1764590400006,
  IndexDeliveriesByWorkspace1764590400007,
  IndexOldHistory1764590400008,
];
