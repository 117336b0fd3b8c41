// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { AlertsRepository } from '../alerts/alerts.repository';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import { ProposalInfrastructure } from './proposal-infrastructure';
import { ProposalsRepository, type Candidate, type Proposal } from './proposals.repository';
import { proposalReasons } from './retraining-proposal';

/** Counting corrections reads them all: not at every pass of the loop. */
const EVERY_MS = 2000;

/** Opens a proposal for each model that has reasons and no open one. Replicas race on a unique index: one proposal results. */
@Injectable()
export class ProposeRetraining {
  private lastMs = -Infinity;

  constructor(
    private readonly infrastructure: ProposalInfrastructure,
    private readonly proposals: ProposalsRepository,
    private readonly alerts: AlertsRepository,
    private readonly publisher: EventPublisher,
    private readonly settings: MonitoringSettings,
    private readonly metrics: MonitoringMetrics,
  ) {}

  async execute(): Promise<number> {
    const { clock, database, unitOfWork } = this.infrastructure;
    if (clock.monotonicMs() - this.lastMs < EVERY_MS) return 0;
    this.lastMs = clock.monotonicMs();
    const candidates = await this.proposals.candidates(database);
    if (candidates.length === 0) return 0;
    return unitOfWork.run(
      async (tx) => {
        let opened = 0;
        for (const candidate of candidates) opened += (await this.propose(tx, candidate)) ? 1 : 0;
        return opened;
      },
      { label: 'propose-retraining' },
    );
  }

  private async propose(tx: Transaction, candidate: Candidate): Promise<boolean> {
    const { workspace, modelName, endpoint, corrections, reviewedCorrections } = candidate;
    const policy = (await this.proposals.policy(tx, workspace, modelName)) ?? {
      correctionsMin: this.settings.proposalCorrectionsMin,
      volumeMin: this.settings.proposalVolumeMin,
    };
    const firing = await this.alerts.firingOfModel(tx, workspace, modelName);
    const openAlerts = firing.map((alert) => ({ alertId: alert.id, kind: alert.kind, summary: alert.summary }));
    const reasons = proposalReasons({ openAlerts, corrections, reviewedCorrections }, policy);
    if (reasons.length === 0) return false;
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
      createTime: this.infrastructure.clock.now(),
      resolveTime: null,
    };
    if (!(await this.proposals.insert(tx, proposal))) return false;
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
    return true;
  }
}
