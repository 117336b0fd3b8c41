// SPDX-License-Identifier: Apache-2.0
import type { registry } from '#libs/contracts';
import type { AliasPolicy } from '../aliases/alias';
import type { Approval } from '../approvals/approval';
import { approvalStateToProto } from '../approvals/close-approvals';
import type { AuditEntry } from '../audit/audit-entry';
import type { Evaluation } from '../evaluations/evidence';
import type { Tag } from '../experiments/experiment';
import type { EvaluatedVersion } from './find-versions';
import type { RegisteredModel } from './model';

/** Labels as a map. */
export function tagsToMap(tags: readonly Tag[]): Record<string, string> {
  return Object.fromEntries(tags.map((tag) => [tag.key, tag.value]));
}

export function modelToProto(model: RegisteredModel): registry.RegisteredModel {
  return {
    name: model.name,
    description: model.description ?? '',
    aliases: Object.fromEntries(model.aliases.map(({ alias, version }) => [alias, version])),
    latestVersion: model.lastVersion,
    tags: tagsToMap(model.tags),
    etag: String(model.revision),
    createTime: new Date(model.creationMs),
    updateTime: new Date(model.lastUpdatedMs),
  };
}

export function versionToProto(version: EvaluatedVersion): registry.ModelVersion {
  return {
    modelName: version.modelName,
    version: version.version,
    modelManifestDigest: version.manifestDigest,
    runId: version.runId,
    aliases: version.aliases,
    tags: tagsToMap(version.tags),
    lineage: version.lineage,
    evaluations: version.evaluations.map(evaluationToProto),
    createTime: new Date(version.creationMs),
    updateTime: new Date(version.lastUpdatedMs),
    etag: String(version.revision),
  };
}

function evaluationToProto(evaluation: Evaluation): registry.Evaluation {
  const { slice, metric, value, low, high, confidence, contentDigest, baselines, evaluationJobId, scorerVersion } = evaluation;
  return {
    slice,
    metric,
    value,
    low,
    high,
    confidence,
    rows: String(evaluation.rows),
    contentDigest,
    baselines,
    evaluationJobId,
    scorerVersion,
  };
}

export function approvalToProto(approval: Approval): registry.Approval {
  return { ...approval, state: approvalStateToProto(approval.state) };
}

export function auditEntryToProto(entry: AuditEntry): registry.AuditEntry {
  return { ...entry, sequence: String(entry.sequence) };
}

/** A policy out of a request; missing numbers are proto3 zeros. */
export function policyFromProto(policy: registry.AliasPolicy): AliasPolicy {
  return { alias: policy.alias, approvalsRequired: policy.approvalsRequired, evidence: policy.evidence };
}
