// SPDX-License-Identifier: Apache-2.0
import { gateway } from '#libs/contracts';
import type { Operation } from '../completions/completion-request';
import type { ChosenTarget } from '../routing/routing-snapshot';

/** One finished request, well or not. */
export interface Inference {
  workspace: string;
  inferenceId: string;
  endpoint: string;
  chosen: ChosenTarget;
  userHash: string;
  operation: Operation;
  promptTokens: number;
  completionTokens: number;
  latencyMs: number;
  firstByteMs: number;
  statusCode: number;
  errorCode: string;
  finishReason: string;
  streamed: boolean;
  inputText: string;
  outputText: string;
  truncated: boolean;
  responseId: string;
  requestTime: Date;
}

const ARMS = {
  none: gateway.Arm.ARM_NONE,
  control: gateway.Arm.ARM_CONTROL,
  candidate: gateway.Arm.ARM_CANDIDATE,
} as const;

export function toInferenceCompleted(inference: Inference): gateway.InferenceCompleted {
  const { chosen } = inference;
  return {
    inferenceId: inference.inferenceId,
    endpoint: inference.endpoint,
    modelName: chosen.target.modelName,
    modelVersion: chosen.target.version,
    modelManifestDigest: chosen.target.manifestDigest,
    rolloutId: chosen.rolloutId,
    arm: ARMS[chosen.arm],
    userHash: inference.userHash,
    operation: inference.operation,
    promptTokens: inference.promptTokens,
    completionTokens: inference.completionTokens,
    latencyMs: inference.latencyMs,
    timeToFirstByteMs: inference.firstByteMs,
    statusCode: inference.statusCode,
    errorCode: storable(inference.errorCode),
    finishReason: storable(inference.finishReason),
    streamed: inference.streamed,
    inputText: storable(inference.inputText),
    outputText: storable(inference.outputText),
    requestTime: inference.requestTime,
    truncated: inference.truncated,
    responseId: storable(inference.responseId),
  };
}

const UNSTORABLE = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

// jsonb holds neither NUL nor half surrogate pairs; one such text would make its whole batch fail.
function storable(text: string): string {
  return text.replace(UNSTORABLE, '\uFFFD');
}
