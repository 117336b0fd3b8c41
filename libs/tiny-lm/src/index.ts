// SPDX-License-Identifier: Apache-2.0
export { CHAT_TEMPLATE, renderChat, type ChatMessage } from './chat-template';
export { readCheckpointManifest, CHECKPOINT_SCHEMA, type CheckpointManifest } from './checkpoint';
export { evaluateAnswers, type AnswerResult, type Evaluation } from './evaluate-answers';
export {
  Generator,
  type FinishReason,
  type Generated,
  type GeneratedPiece,
  type GeneratedToken,
  type GenerateOptions,
} from './generator';
export { packageFile } from './kernels';
export {
  fromHuggingFaceConfig,
  headWidth,
  parameterCount,
  toHuggingFaceConfig,
  validateLlamaConfig,
  type LlamaConfig,
} from './llama-config';
export { LlamaNetwork, type Batch } from './llama-network';
export {
  loadModelFolder,
  MODEL_FILES,
  parametersDigest,
  readModelFiles,
  saveModelFolder,
  writeModelFiles,
  type ModelFiles,
  type TinyModel,
} from './model-folder';
export { initialParameters, layOutParameters, LINEAR_NAMES, type LinearName, type ParameterLayout } from './parameters';
export { Random, type RandomState } from './random';
export { logProbabilities, sampleToken, topTokens, type TokenLogprob } from './sampling';
export { TinyLmError, type TinyLmErrorCode } from './tiny-lm.errors';
export { END_OF_TEXT, PAD, Tokenizer } from './tokenizer';
export { Trainer, type StepResult, type TrainerInput } from './trainer';
export {
  DEFAULT_TRAINER_SETTINGS,
  learningRateAt,
  resolveTrainerSettings,
  type LoraSettings,
  type TrainerSettings,
} from './trainer-settings';
export {
  encodeAnswerRows,
  encodeTextWindows,
  poolsDigest,
  type AnswerRow,
  type EncodedExample,
  type TrainingPool,
} from './training-examples';
