// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from '../jobs/failure';
import { type HyperparameterValue, type HyperparameterRules, resolveHyperparameters } from '../jobs/hyperparameters';
import type { EvaluationSliceSpec, JobInputSpec } from '../jobs/job';
import { readInputs, readLabels, readName, readSlices, readText, readWhole, refuseUnknown } from '../jobs/spec-fields';
import { parseTemplate } from '../jobs/template';
import { type GateRule, readGateRules } from './gate';

export const proposalPolicies = ['auto', 'manual', 'ignore'] as const;
export type ProposalPolicy = (typeof proposalPolicies)[number];

export interface PipelineFeedback {
  dataset: string;
  /** Share of each batch, 0 to 1; the training datasets share the rest in proportion to their own weights. */
  weight: number;
  rowsMin: number;
  promptTemplate: string;
  /** 0 = ingestion's setting. */
  rowsPerRaterMax: number;
}

/** The policy of the loop. */
export interface PipelineSpec {
  registeredModelName: string;
  experimentName: string;
  alias: string;
  baseModel: string;
  trainDatasets: JobInputSpec[];
  feedback: PipelineFeedback | null;
  promptTemplate: string;
  answerTemplate: string;
  labels: string[];
  /** As given; defaults are filled in by each run's job. */
  hyperparameters: Record<string, HyperparameterValue>;
  evaluationSlices: EvaluationSliceSpec[];
  gate: GateRule[];
  requestAlias: boolean;
  onProposal: ProposalPolicy;
}

export interface PipelineRecord {
  workspace: string;
  id: string;
  name: string;
  spec: PipelineSpec;
  version: number;
  createTime: Date;
  updateTime: Date;
}

/** A policy as a caller gives it; every field is checked. */
export type PipelineSpecInput = { [Field in keyof PipelineSpec]?: unknown };

const FIELDS: readonly (keyof PipelineSpec)[] = [
  'registeredModelName',
  'experimentName',
  'alias',
  'baseModel',
  'trainDatasets',
  'feedback',
  'promptTemplate',
  'answerTemplate',
  'labels',
  'hyperparameters',
  'evaluationSlices',
  'gate',
  'requestAlias',
  'onProposal',
];

/** The policy with defaults filled in. Adds a violation for every fault. */
export function readPipelineSpec(given: PipelineSpecInput, rules: HyperparameterRules, violations: JobViolation[]): PipelineSpec {
  refuseUnknown(given, FIELDS, 'spec.', violations);
  const prompt = readText(given.promptTemplate, 'spec.promptTemplate', violations, 10_000);
  const answer = readText(given.answerTemplate, 'spec.answerTemplate', violations, 10_000);
  parseTemplate(prompt, 'spec.promptTemplate', violations);
  parseTemplate(answer, 'spec.answerTemplate', violations);
  const registeredModelName = readName(given.registeredModelName, 'spec.registeredModelName', violations, true);
  const trainDatasets = readInputs(withLatest(given.trainDatasets), 'spec.trainDatasets', violations, { prompt, answer });
  if (trainDatasets.length === 0) violations.push({ field: 'spec.trainDatasets', message: 'name at least one dataset version' });
  const baseModel = readText(given.baseModel, 'spec.baseModel', violations, 200);
  if (baseModel === '') violations.push({ field: 'spec.baseModel', message: 'is required' });
  const evaluationSlices = readSlices(withLatest(given.evaluationSlices), 'spec.evaluationSlices', violations);
  const slices = evaluationSlices.map((slice) => slice.name);
  return {
    registeredModelName,
    experimentName: readName(given.experimentName, 'spec.experimentName', violations, false) || registeredModelName,
    alias: readName(given.alias, 'spec.alias', violations, given.requestAlias !== false),
    baseModel,
    trainDatasets,
    feedback: readFeedback(given.feedback, violations),
    promptTemplate: prompt,
    answerTemplate: answer,
    labels: readLabels(given.labels, 'spec.labels', violations),
    hyperparameters: readHyperparameters(given.hyperparameters, rules, 'spec.', violations),
    evaluationSlices,
    gate: readGateRules(given.gate, slices, violations),
    requestAlias: readFlag(given.requestAlias, 'spec.requestAlias', violations),
    onProposal: readProposalPolicy(given.onProposal, violations),
  };
}

/** Settings as given, checked against the trainer's rules but without its defaults. */
export function readHyperparameters(
  given: unknown,
  rules: HyperparameterRules,
  prefix: string,
  violations: JobViolation[],
): Record<string, HyperparameterValue> {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object' || Array.isArray(given)) {
    violations.push({ field: `${prefix}hyperparameters`, message: 'must be an object' });
    return {};
  }
  const faults: JobViolation[] = [];
  const resolved = resolveHyperparameters(rules, given as Record<string, unknown>, faults);
  violations.push(...faults.map((fault) => ({ ...fault, field: `${prefix}${fault.field}` })));
  return Object.fromEntries(Object.entries(resolved).filter(([name]) => Object.hasOwn(given, name)));
}

function readFeedback(given: unknown, violations: JobViolation[]): PipelineFeedback | null {
  if (given === undefined || given === null) return null;
  const field = 'spec.feedback';
  if (typeof given !== 'object') {
    violations.push({ field, message: 'must be an object' });
    return null;
  }
  const raw = given as { [Field in keyof PipelineFeedback]?: unknown };
  refuseUnknown(raw, ['dataset', 'weight', 'rowsMin', 'promptTemplate', 'rowsPerRaterMax'], `${field}.`, violations);
  const weight = raw.weight ?? 0;
  if (typeof weight !== 'number' || !(weight > 0 && weight < 1))
    violations.push({ field: `${field}.weight`, message: 'must be a number between 0 and 1' });
  const promptTemplate = readText(raw.promptTemplate, `${field}.promptTemplate`, violations, 10_000) || '{text}';
  parseTemplate(promptTemplate, `${field}.promptTemplate`, violations);
  return {
    dataset: readName(raw.dataset, `${field}.dataset`, violations, true),
    weight: typeof weight === 'number' ? weight : 0,
    rowsMin: readWhole(raw.rowsMin, `${field}.rowsMin`, violations, { min: 0, max: 1e9, absent: 1 }),
    promptTemplate,
    rowsPerRaterMax: readWhole(raw.rowsPerRaterMax, `${field}.rowsPerRaterMax`, violations, { min: 0, max: 1e6, absent: 0 }),
  };
}

function readFlag(given: unknown, field: string, violations: JobViolation[]): boolean {
  if (given === undefined || given === null) return true;
  if (typeof given !== 'boolean') violations.push({ field, message: 'must be true or false' });
  return given === true;
}

function readProposalPolicy(given: unknown, violations: JobViolation[]): ProposalPolicy {
  if (given === undefined || given === null || given === '') return 'manual';
  if (proposalPolicies.includes(given as ProposalPolicy)) return given as ProposalPolicy;
  violations.push({ field: 'spec.onProposal', message: `must be one of ${proposalPolicies.join(', ')}` });
  return 'manual';
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A bare dataset name means its latest version; a bare word is also accepted in place of an object. */
function withLatest(given: unknown): unknown {
  if (!Array.isArray(given)) return given;
  return given.map((entry: unknown) => {
    const object = typeof entry === 'string' ? { datasetVersion: entry } : entry;
    if (typeof object !== 'object' || object === null) return object;
    const { datasetVersion } = object as { datasetVersion?: unknown };
    if (typeof datasetVersion !== 'string' || datasetVersion === '' || datasetVersion.includes('/') || UUID.test(datasetVersion))
      return object;
    return { ...object, datasetVersion: `${datasetVersion}/latest` };
  });
}
