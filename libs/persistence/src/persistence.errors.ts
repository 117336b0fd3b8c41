// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

/** What the database may answer, by SQLSTATE or by state of the connection. */
export const PersistenceErrors = defineErrors('PERSISTENCE', {
  UNIQUE_VIOLATION: {
    kind: 'already-exists',
    retry: 'never',
    help: 'A row with this key exists; details.constraint names the key.',
  },
  FOREIGN_KEY_VIOLATION: {
    kind: 'precondition',
    retry: 'never',
    help: 'A row that this one needs is missing, or is still needed.',
  },
  CHECK_VIOLATION: { kind: 'invalid', retry: 'never', help: 'A value breaks a rule of the table; details.constraint names it.' },
  INVALID_VALUE: { kind: 'invalid', retry: 'never', help: 'A value has a form or a size that its column cannot hold.' },
  SERIALIZATION: { kind: 'conflict', retry: 'in-place', help: 'Two transactions touched the same rows; the work may run again.' },
  LOCK_TIMEOUT: { kind: 'unavailable', retry: 'later', help: 'A lock was not granted in time.' },
  STATEMENT_TIMEOUT: { kind: 'deadline', retry: 'later', help: 'A statement ran longer than allowed, or than its caller waits.' },
  UNAVAILABLE: { kind: 'unavailable', retry: 'later', help: 'The database does not answer or closed the connection.' },
  POOL_EXHAUSTED: { kind: 'exhausted', retry: 'later', help: 'All connections were in use for longer than the wait limit.' },
  STORAGE_FULL: { kind: 'unavailable', retry: 'later', help: 'The database is out of disk, memory or connections.' },
  COMMIT_UNKNOWN: {
    kind: 'unavailable',
    retry: 'later',
    help: 'The connection was lost during COMMIT: read again by request or event id before repeating.',
  },
  TRANSACTION_ABORTED: {
    kind: 'internal',
    retry: 'never',
    help: 'The work swallowed a failed statement; its transaction was rolled back at COMMIT.',
  },
  TRANSACTION_ENDED: { kind: 'internal', retry: 'never', help: 'A statement was sent through a transaction that is over.' },
  NESTED_TRANSACTION: {
    kind: 'internal',
    retry: 'never',
    help: 'A unit of work was started inside another; pass the transaction on.',
  },
  DATA_SOURCE_IN_TRANSACTION: {
    kind: 'internal',
    retry: 'never',
    help: 'The database was used inside a unit of work; use the transaction, else a full pool would hang.',
  },
  QUERY_FAILED: { kind: 'internal', retry: 'in-place', help: 'A statement failed for a reason that no rule covers.' },
  MIGRATION_FAILED: { kind: 'internal', retry: 'later', help: 'A migration failed; the ones before it stay applied.' },
});
