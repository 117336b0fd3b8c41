// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events, gateway, Topics } from '#libs/contracts';
import { EventConsumer, MessagingErrors, onBatch, type ReceivedEvent } from '#libs/messaging';
import type { Inference } from './inferences.repository';
import { inputKeyOf } from './normalise-input';
import { RecordInferences } from './record-inferences';

const ARMS: Partial<Record<gateway.Arm, string>> = {
  [gateway.Arm.ARM_CONTROL]: 'control',
  [gateway.Arm.ARM_CANDIDATE]: 'candidate',
};

/** What the gateway served. */
@Injectable()
export class InferencesConsumer extends EventConsumer {
  readonly group = 'monitoring.inferences';
  override readonly batch = { sizeMax: 500, gatherMs: 2, partitionsConcurrentMax: Topics.gatewayInference.partitions };
  readonly handlers = [
    onBatch(Events.InferenceCompleted, (events, tx) => this.recordInferences.execute(tx, events.map(toInference))),
  ];

  constructor(private readonly recordInferences: RecordInferences) {
    super();
  }
}

function toInference(event: ReceivedEvent<gateway.InferenceCompleted>): Inference {
  const { data } = event;
  const id = data.inferenceId || event.aggregateId;
  // Without an id, all such events would be one inference, and nobody could give feedback on it.
  if (id === '') throw MessagingErrors.UNREADABLE_DATA('data.inferenceId is missing', { field: 'data.inferenceId' });
  return {
    workspace: event.workspace,
    id,
    responseId: data.responseId,
    endpoint: data.endpoint,
    modelName: data.modelName,
    modelVersion: data.modelVersion,
    modelManifestDigest: data.modelManifestDigest,
    rolloutId: data.rolloutId,
    arm: ARMS[data.arm] ?? 'none',
    userHash: data.userHash,
    statusCode: data.statusCode,
    errorCode: data.errorCode,
    latencyMs: data.latencyMs,
    promptTokens: data.promptTokens,
    completionTokens: data.completionTokens,
    // Postgres text holds no NUL.
    inputText: data.inputText.replaceAll('\0', ''),
    outputText: data.outputText.replaceAll('\0', ''),
    inputKey: inputKeyOf(data.inputText),
    requestTime: data.requestTime ?? event.time,
  };
}
