// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json';

/** `previousHash` of the first entry of a workspace. */
export const GENESIS_HASH = '0'.repeat(64);

/** What happened, before it has a place in the chain. */
export interface AuditRecord {
  /** What, `<noun>.<past participle>`, such as `alias.moved`. */
  action: string;
  /** On what, as a URI: `models:/name`, `models:/name/3`, `models:/name@alias`, `experiments:/5`, `runs:/<id>`. */
  subject: string;
  before?: unknown;
  after?: unknown;
  reason?: string;
}

/** One line of a workspace's audit; its hash covers every other field, so a changed field breaks the chain from here on. */
export interface AuditEntry {
  /** From 1, without gaps. */
  sequence: number;
  time: Date;
  actor: string;
  action: string;
  subject: string;
  beforeJson: string;
  afterJson: string;
  reason: string;
  previousHash: string;
  hash: string;
}

/** Lowercase hex sha256 over workspace, previous hash and fields, as canonical JSON. */
export function auditHash(workspace: string, entry: Omit<AuditEntry, 'hash'>): string {
  const covered = { workspace, ...entry, time: entry.time.toISOString(), hash: undefined };
  return createHash('sha256').update(canonicalJson(covered)).digest('hex');
}

/** The next entry of a chain that ends with `head`. */
export function chainEntry(
  workspace: string,
  head: { sequence: number; hash: string },
  record: AuditRecord & { actor: string; time: Date },
): AuditEntry {
  const open = {
    sequence: head.sequence + 1,
    time: record.time,
    actor: record.actor,
    action: record.action,
    subject: record.subject,
    beforeJson: record.before === undefined ? '' : canonicalJson(record.before),
    afterJson: record.after === undefined ? '' : canonicalJson(record.after),
    reason: record.reason ?? '',
    previousHash: head.hash,
  };
  return { ...open, hash: auditHash(workspace, open) };
}

/** First entry of `entries` that does not continue the chain from `head`, or undefined. */
export function findBreak(
  workspace: string,
  head: { sequence: number; hash: string },
  entries: readonly AuditEntry[],
): number | undefined {
  let { sequence, hash } = head;
  for (const entry of entries) {
    const fits = entry.sequence === sequence + 1 && entry.previousHash === hash && auditHash(workspace, entry) === entry.hash;
    if (!fits) return sequence + 1;
    ({ sequence, hash } = entry);
  }
  return undefined;
}
