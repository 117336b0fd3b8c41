// SPDX-License-Identifier: Apache-2.0
import type { EvidenceRule } from '../evaluations/evidence';

/** How an alias is protected. No policy = unprotected. */
export interface AliasPolicy {
  alias: string;
  /** People who must say yes, beside who asks; 0 = nobody. */
  approvalsRequired: number;
  evidence: EvidenceRule[];
}

/** One interval of an alias. */
export interface AliasInterval {
  version: number;
  validFrom: Date;
  /** Absent = until now. */
  validTo?: Date;
  actor: string;
  reason: string;
  approvalId: string;
  forced: boolean;
  rolloutId: string;
}

/** A move that was allowed. */
export interface AliasMove {
  modelName: string;
  alias: string;
  toVersion: number;
  reason: string;
  approvalId?: string;
  forced?: boolean;
  /** Rollout whose verdict moved the alias back. */
  rolloutId?: string;
}

/** URI that the audit names an alias by. */
export function aliasSubject(modelName: string, alias: string): string {
  return `models:/${modelName}@${alias}`;
}

/** True when the alias may not be moved or deleted without asking. */
export function isProtected(policy: AliasPolicy | undefined): policy is AliasPolicy {
  return policy !== undefined && (policy.approvalsRequired > 0 || policy.evidence.length > 0);
}
