// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

/** What sending, receiving and dead-lettering may answer. */
export const MessagingErrors = defineErrors('MESSAGING', {
  NOT_AN_EVENT: { kind: 'invalid', retry: 'never', help: 'A message is no CloudEvent 1.0: an attribute is missing or wrong.' },
  UNREADABLE_DATA: { kind: 'invalid', retry: 'never', help: "An event's data does not parse as its type says." },
  UNREADABLE_BATCH: {
    kind: 'invalid',
    retry: 'never',
    help: 'A batch of messages cannot be unpacked, or unpacks to more than is read; it is kept as it came, as one dead letter.',
  },
  EVENT_TOO_LARGE: {
    kind: 'invalid',
    retry: 'never',
    help: 'An event is larger than the broker may carry; keep payloads in a blob.',
  },
  UNKNOWN_TOPIC: { kind: 'precondition', retry: 'later', help: 'The topic does not exist on the broker: run topics:apply.' },
  MESSAGE_REFUSED: { kind: 'invalid', retry: 'never', help: 'The broker refuses this message for good; others pass.' },
  BROKER_UNAVAILABLE: { kind: 'unavailable', retry: 'later', help: 'The broker does not answer; events wait in the outbox.' },
  HANDLER_TIMEOUT: {
    kind: 'deadline',
    retry: 'in-place',
    help: 'A handler ran longer than its hard limit; its transaction was rolled back.',
  },
  RETRIES_EXHAUSTED: { kind: 'internal', retry: 'never', help: 'An event asked to be tried later for longer than the bound.' },
  CRASHED_CONSUMER: { kind: 'internal', retry: 'never', help: 'The process died several times while handling this event.' },
  REPLAY_INTERRUPTED: {
    kind: 'internal',
    retry: 'never',
    help: 'The replay of a dead letter began and has not ended: it is under way, or the process died; its message has the code before it.',
  },
  OWNERSHIP_LOST: { kind: 'conflict', retry: 'later', help: 'The partition belongs to another member of the group now.' },
  GROUP_IN_USE: {
    kind: 'precondition',
    retry: 'never',
    help: 'A consumer group can only be moved while none of its members runs: stop the processes of the service first.',
  },
  DEAD_LETTER_NOT_OPEN: { kind: 'precondition', retry: 'never', help: 'The dead letter was replayed or dropped already.' },
});
