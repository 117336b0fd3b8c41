// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';

/** Every metric of the registry beside those of the libs. */
@Injectable()
export class RegistryMetrics {
  readonly versionsRegistered;
  readonly aliasMoves;
  readonly approvalsRequested;
  readonly approvalsExpired;
  readonly evidenceRefusals;
  readonly metricsLogged;

  constructor(metrics: Metrics) {
    this.versionsRegistered = metrics.counter({
      name: 'model_versions_registered_total',
      help: 'Model versions registered, by who made them.',
      labelNames: ['origin'],
    });
    this.aliasMoves = metrics.counter({
      name: 'alias_moves_total',
      help: 'Aliases moved, by what allowed it: free (no people asked), approval, forced, rollback.',
      labelNames: ['cause'],
    });
    this.approvalsRequested = metrics.counter({ name: 'approvals_requested_total', help: 'Approvals opened.' });
    this.approvalsExpired = metrics.counter({ name: 'approvals_expired_total', help: 'Approvals that nobody decided in time.' });
    this.evidenceRefusals = metrics.counter({
      name: 'evidence_refusals_total',
      help: 'Alias moves refused because evidence is missing or bad.',
      labelNames: ['kind'],
    });
    this.metricsLogged = metrics.counter({
      name: 'run_metrics_logged_total',
      help: 'Metric values written to runs through MLflow doors.',
    });
  }
}
