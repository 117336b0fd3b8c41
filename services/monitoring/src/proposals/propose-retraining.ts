// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { AlertsRepository } from '../alerts/alerts.repository';
import { MonitoringSettings } from '../config';
import { databaseTime } from '../database-time';
import { DueRows, isOutage } from '../evaluation/due-rows';
import { MonitoringMetrics } from '../monitoring.metrics';
import { ProposalInfrastructure } from './proposal-infrastructure';
import { ProposalsRepository, type Candidate, type Proposal } from './proposals.repository';
import { proposalReasons } from './retraining-proposal';

/** Counting corrections reads them all: not at every pass of the loop. */
const EVERY_MS = 2000;
const CANDIDATES_PER_LOOK = 1000;

/** Opens a proposal for each model that has reasons and no open one. Replicas race on a unique index: one proposal results. */
@Injectable()
export class ProposeRetraining {
  private lastMs = -Infinity;
  /** Where the last look ended: models take turns when there are more than one look takes. */
  private after: Candidate | undefined;

  constructor(
    private readonly infrastructure: ProposalInfrastructure,
    private readonly dueRows: DueRows,
    private readonly proposals: ProposalsRepository,
    private readonly alerts: AlertsRepository,
    private readonly publisher: EventPublisher,
    private readonly settings: MonitoringSettings,
    private readonly metrics: MonitoringMetrics,
  ) {}

  /** Returns how many were opened. What fails for itself is left for the next look; an outage ends this one. */
  async execute(): Promise<number> {
    const { clock, unitOfWork } = this.infrastructure;
    if (clock.monotonicMs() - this.lastMs < EVERY_MS) return 0;
    this.lastMs = clock.monotonicMs();
    let opened = 0;
    for (const candidate of await this.nextCandidates()) {
      try {
        opened += await unitOfWork.run((tx) => this.propose(tx, candidate), { label: 'propose-retraining' });
      } catch (error) {
        if (isOutage(error)) throw error;
        this.dueRows.report('propose-retraining', { workspace: candidate.workspace, id: candidate.modelName }, error);
      }
    }
    return opened;
  }

  private async nextCandidates(): Promise<Candidate[]> {
    const { proposalCorrectionsMin: correctionsMin, proposalVolumeMin: volumeMin } = this.settings;
    const candidates = await this.proposals.candidates(this.infrastructure.database, {
      policy: { correctionsMin, volumeMin },
      after: this.after,
      rowsMax: CANDIDATES_PER_LOOK,
    });
    this.after = candidates.length < CANDIDATES_PER_LOOK ? undefined : candidates[candidates.length - 1];
    return candidates;
  }

  private async propose(tx: Transaction, candidate: Candidate): Promise<number> {
    const { workspace, modelName, endpoint, corrections, reviewedCorrections, policy } = candidate;
    const firing = await this.alerts.firingOfModel(tx, workspace, modelName);
    const openAlerts = firing.map((alert) => ({ alertId: alert.id, kind: alert.kind, summary: alert.summary }));
    const reasons = proposalReasons({ openAlerts, corrections, reviewedCorrections }, policy);
    if (reasons.length === 0) return 0;
    const proposal: Proposal = {
      workspace,
      id: this.infrastructure.ids.next(),
      modelName,
      endpoint,
      modelVersion: await this.proposals.servedVersion(tx, workspace, modelName, this.settings.servingAlias),
      state: 'open',
      reasons,
      corrections,
      pipelineRunId: '',
      resolveReason: '',
      createTime: await databaseTime(tx),
      resolveTime: null,
    };
    if (!(await this.proposals.insert(tx, proposal))) return 0;
    await this.publisher.publish(tx, Events.RetrainingProposed, {
      workspace,
      aggregateId: proposal.id,
      aggregateVersion: 1,
      data: {
        proposalId: proposal.id,
        modelName,
        endpoint,
        modelVersion: proposal.modelVersion,
        reasons,
        corrections: String(corrections),
        createTime: proposal.createTime,
      },
    });
    this.metrics.proposals.inc({ state: 'open' });
    return 1;
  }
}
