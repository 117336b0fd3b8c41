// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import type { AliasPolicy } from '../aliases/alias';
import type { Caller } from '../caller';
import { EvaluationsRepository } from '../evaluations/evaluations.repository';
import { checkEvidence, type EvidenceFinding } from '../evaluations/evidence';
import type { ModelVersion } from '../models/model';
import { VersionsRepository } from '../models/models.repository';
import { RegistryErrors } from '../registry.errors';
import { RegistryMetrics } from '../registry.metrics';
import type { AliasMoveRequest } from './alias-move-request';

export interface MoveToCheck {
  policy: AliasPolicy;
  version: ModelVersion;
  /** What the alias points to; undefined = nothing. */
  currentVersion: number | undefined;
  request: AliasMoveRequest;
}

/** Holds a move against the evidence that its policy asks for. */
@Injectable()
export class CheckAliasPolicy {
  constructor(
    private readonly versions: VersionsRepository,
    private readonly evaluations: EvaluationsRepository,
    private readonly metrics: RegistryMetrics,
  ) {}

  /** Rules that failed and are forced past, with figures; none when all passed. Throws when a rule fails and nobody forces. */
  async execute(tx: Transaction, caller: Caller, move: MoveToCheck): Promise<string[]> {
    const findings = await this.findings(tx, caller.workspace, move);
    if (findings.length > 0) this.refuseOrForce(findings, move.request);
    return findings.map((finding) => finding.text);
  }

  private async findings(
    tx: Transaction,
    workspace: string,
    { policy, version, currentVersion }: MoveToCheck,
  ): Promise<EvidenceFinding[]> {
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
