// SPDX-License-Identifier: Apache-2.0
import type { Tag } from '../experiments/experiment';

/** Tag that makes a registered model a prompt: model searches leave it out unless they ask for it. */
export const PROMPT_TAG = 'mlflow.prompt.is_prompt';
const PROMPT_SOURCES = ['prompt-template', 'dummy-source'];

export const STAGES = ['None', 'Staging', 'Production', 'Archived'] as const;
export type Stage = (typeof STAGES)[number];

export interface AliasPointer {
  alias: string;
  version: number;
}

/** A named series of versions. */
export interface RegisteredModel {
  name: string;
  description?: string;
  creationMs: number;
  lastUpdatedMs: number;
  /** Highest number ever given; 0 = no version yet. */
  lastVersion: number;
  isPrompt: boolean;
  /** Grows with every change of the model's own row. */
  revision: number;
  tags: Tag[];
  aliases: AliasPointer[];
}

/** Where a version that training made comes from. */
export interface Lineage {
  jobId: string;
  /** `<role>:<dataset version id>:<sha256>` */
  inputs: string[];
  recipeRunId: string;
  baseModelName: string;
  baseModelDigest: string;
  seed: string;
  codeVersion: string;
  pipelineRunId: string;
}

export interface ModelVersion {
  modelName: string;
  /** From 1; never given twice. */
  version: number;
  creationMs: number;
  lastUpdatedMs: number;
  description: string;
  userId: string;
  stage: Stage;
  /** What the caller named. */
  source: string;
  /** Where the files are: `source`, resolved. */
  storageLocation: string;
  runId: string;
  runLink: string;
  modelId: string;
  /** Of the model folder in the blob store; '' for versions that the mlflow client made. */
  manifestDigest: string;
  jobId: string;
  pipelineRunId: string;
  lineage?: Lineage;
  revision: number;
  tags: Tag[];
  aliases: string[];
}

export function isPromptTagged(tags: readonly Tag[]): boolean {
  return tags.findLast((tag) => tag.key === PROMPT_TAG)?.value.toLowerCase() === 'true';
}

/** Sources that prompt versions may name: they have no files. */
export function isPromptSource(source: string): boolean {
  return PROMPT_SOURCES.includes(source);
}
