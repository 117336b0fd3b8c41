// SPDX-License-Identifier: Apache-2.0
import { CreateOutbox1763900000101 } from './1763900000101-create-outbox';
import { CreateInbox1763900000102 } from './1763900000102-create-inbox';
import { CreateDeadLetters1763900000103 } from './1763900000103-create-dead-letters';
import { FreePlacesOfDeadLetters1763900000104 } from './1763900000104-free-places-of-dead-letters';
import { IndexWhatIsPurged1763900000105 } from './1763900000105-index-what-is-purged';

/** Tables of outbox, inbox and dead letters, in every service database. */
export const messagingMigrations = [
  CreateOutbox1763900000101,
  CreateInbox1763900000102,
  CreateDeadLetters1763900000103,
  FreePlacesOfDeadLetters1763900000104,
  IndexWhatIsPurged1763900000105,
];
