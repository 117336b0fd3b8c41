// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { type Transaction, UnitOfWork } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import type { Tag } from '../experiments/experiment';
import { checkLength, checkModelName, limits } from '../mlflow/limits';
import { invalidParameter } from '../registry.errors';
import { RegistryMetrics } from '../registry.metrics';
import { checkRegistryTag } from './create-registered-model';
import { isPromptSource, isPromptTagged, type Lineage, type ModelVersion } from './model';
import { ModelsRepository, VersionsRepository } from './models.repository';
import { modelNotFound } from './not-found';
import { ResolveSource } from './resolve-source';

/** A version as a caller of the MLflow doors describes it. */
export interface VersionToRegister {
  modelName: string;
  source: string;
  runId: string;
  runLink: string;
  modelId: string;
  description: string;
  tags: Tag[];
}

/** What training adds to a version. */
export interface TrainedVersion {
  manifestDigest: string;
  jobId: string;
  pipelineRunId: string;
  lineage: Lineage;
}

const NOT_TRAINED = { manifestDigest: '', jobId: '', pipelineRunId: '', lineage: undefined };

/** Registers the next version of a model: number, row, audit entry and event in one transaction. */
@Injectable()
export class RegisterModelVersion {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly resolveSource: ResolveSource,
    private readonly audit: AuditLog,
    private readonly events: EventPublisher,
    private readonly metrics: RegistryMetrics,
  ) {}

  async execute(caller: Caller, input: VersionToRegister): Promise<ModelVersion> {
    checkModelName(input.modelName);
    checkLength('run_id', input.runId, limits.runIdCharacters);
    for (const tag of input.tags) checkRegistryTag(tag);
    const isPrompt = isPromptTagged(input.tags);
    if (isPrompt && !isPromptSource(input.source)) {
      throw invalidParameter(`Invalid prompt source: '${input.source}'. Prompt sources must use an MLflow placeholder.`);
    }
    return this.uow.run(
      async (tx) => {
        const place = { source: input.source, storageLocation: input.source };
        const resolved = isPrompt ? place : await this.resolveSource.execute(tx, caller.workspace, input);
        return this.within(tx, caller, { ...input, ...resolved }, NOT_TRAINED);
      },
      { label: 'register-model-version' },
    );
  }

  /** Registers a version whose source is known to be good. The model must exist. */
  async within(
    tx: Transaction,
    caller: Caller,
    version: VersionToRegister & { storageLocation: string },
    trained: TrainedVersion | typeof NOT_TRAINED,
  ): Promise<ModelVersion> {
    const { workspace } = caller;
    if (!(await this.models.lock(tx, workspace, version.modelName))) throw modelNotFound(version.modelName);
    const nowMs = this.clock.now().getTime();
    const registered = await this.versions.insert(tx, workspace, { ...version, ...trained, userId: '', nowMs });
    await this.audit.append(tx, caller, {
      action: 'model-version.registered',
      subject: `models:/${registered.modelName}/${registered.version}`,
      after: {
        source: registered.source,
        runId: registered.runId,
        manifestDigest: registered.manifestDigest,
        jobId: registered.jobId,
      },
    });
    await this.events.publish(tx, Events.ModelVersionRegistered, {
      workspace,
      aggregateId: registered.modelName,
      aggregateVersion: await this.models.nextEventVersion(tx, workspace, registered.modelName),
      data: {
        modelName: registered.modelName,
        version: registered.version,
        modelManifestDigest: registered.manifestDigest,
        runId: registered.runId,
        jobId: registered.jobId,
        pipelineRunId: registered.pipelineRunId,
        createTime: new Date(registered.creationMs),
      },
    });
    tx.afterCommit(() => this.metrics.versionsRegistered.inc({ origin: registered.jobId === '' ? 'client' : 'training' }));
    return registered;
  }
}
