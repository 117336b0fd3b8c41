// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields } from '#libs/errors';
import { Idempotency, type Transaction, UnitOfWork } from '#libs/persistence';
import type { AliasPolicy } from '../aliases/alias';
import { AliasesRepository } from '../aliases/aliases.repository';
import { MoveAlias } from '../aliases/move-alias';
import type { Caller } from '../caller';
import { EvaluationsRepository } from '../evaluations/evaluations.repository';
import { checkEvidence, type EvidenceFinding } from '../evaluations/evidence';
import { checkAliasName } from '../mlflow/limits';
import type { ModelVersion } from '../models/model';
import { ModelsRepository, VersionsRepository } from '../models/models.repository';
import { modelNotFound, versionNotFound } from '../models/not-found';
import { RegistryErrors } from '../registry.errors';
import { RegistryMetrics } from '../registry.metrics';
import type { AliasMoveRequest } from './alias-move-request';
import type { Approval } from './approval';
import { OpenApproval } from './open-approval';

const REASON_CHARACTERS_MAX = 4000;

export interface AliasMoveAnswer {
  moved: boolean;
  /** Pending, when the policy asks for people. */
  approval?: Approval;
}

/** Asks to move an alias: checks the policy's evidence, then moves at once or opens an approval. */
@Injectable()
export class RequestAliasMove {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly aliases: AliasesRepository,
    private readonly evaluations: EvaluationsRepository,
    private readonly moveAlias: MoveAlias,
    private readonly openApproval: OpenApproval,
    private readonly metrics: RegistryMetrics,
  ) {}

  async execute(caller: Caller, input: AliasMoveRequest): Promise<AliasMoveAnswer> {
    checkAliasName(input.alias);
    checkReason(input);
    const { requestId, ...request } = input;
    const key = { workspace: caller.workspace, operation: 'RequestAliasMove', requestId, request };
    return this.uow.run((tx) => this.idempotency.once(tx, key, () => this.decide(tx, caller, input)), {
      label: 'request-alias-move',
    });
  }

  private async decide(tx: Transaction, caller: Caller, input: AliasMoveRequest): Promise<AliasMoveAnswer> {
    const { workspace } = caller;
    const { modelName, alias } = input;
    if (!(await this.models.lock(tx, workspace, modelName))) throw modelNotFound(modelName);
    const version = await this.versions.find(tx, workspace, modelName, input.version);
    if (!version) throw versionNotFound(modelName, input.version);
    const currentVersion = await this.aliases.find(tx, workspace, modelName, alias);
    if (currentVersion === version.version) return { moved: true };
    const policy = await this.aliases.policy(tx, workspace, modelName, alias);
    const findings = policy ? await this.findings(tx, workspace, { policy, version, currentVersion }) : [];
    if (findings.length > 0) this.refuseOrForce(findings, input);
    const forcedRules = findings.map((finding) => finding.text);
    const reason = forcedRules.length > 0 ? `${input.reason} (forced past: ${forcedRules.join('; ')})` : input.reason;
    if (!policy || policy.approvalsRequired === 0) {
      const move = { modelName, alias, toVersion: version.version, reason, forced: forcedRules.length > 0 };
      await this.moveAlias.execute(tx, caller, move);
      return { moved: true };
    }
    return { moved: false, approval: await this.openApproval.execute(tx, caller, { ...input, policy, forcedRules }) };
  }

  private async findings(
    tx: Transaction,
    workspace: string,
    at: { policy: AliasPolicy; version: ModelVersion; currentVersion: number | undefined },
  ): Promise<EvidenceFinding[]> {
    const { policy, version, currentVersion } = at;
    const current =
      currentVersion === undefined ? undefined : await this.versions.find(tx, workspace, version.modelName, currentVersion);
    const measured = await this.evaluations.list(tx, workspace, [version.manifestDigest, current?.manifestDigest ?? '']);
    const of = (digest: string) => measured.filter((one) => one.manifestDigest === digest && digest !== '');
    return checkEvidence(policy.evidence, of(version.manifestDigest), current && of(current.manifestDigest));
  }

  private refuseOrForce(findings: EvidenceFinding[], input: AliasMoveRequest): void {
    const rules = findings.map((finding) => finding.text);
    if (!input.force) {
      const missing = findings.some((finding) => finding.kind === 'missing');
      this.metrics.evidenceRefusals.inc({ kind: missing ? 'missing' : 'failed' });
      const error = missing ? RegistryErrors.EVIDENCE_MISSING : RegistryErrors.EVIDENCE_FAILED;
      throw error(`the policy of ${input.alias} refuses version ${input.version}: ${rules.join('; ')}`, { rules });
    }
    if (!input.mayForce) throw RegistryErrors.FORCE_REFUSED('forcing a move past its evidence needs role approver', { rules });
  }
}

function checkReason({ reason, force }: AliasMoveRequest): void {
  if (reason.length > REASON_CHARACTERS_MAX) {
    throw invalidFields({ field: 'reason', message: `must have at most ${REASON_CHARACTERS_MAX} characters` });
  }
  if (force && reason.trim() === '') throw invalidFields({ field: 'reason', message: 'must say why the move is forced' });
}
