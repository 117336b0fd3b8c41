// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from '../jobs/failure';
import type { EvaluationSpec } from '../jobs/job';
import { isDigest, readInputs, readName, readSlices, readText, readWhole, refuseUnknown } from '../jobs/spec-fields';
import { parseTemplate } from '../jobs/template';

/** An evaluation as a caller gives it; every field is checked. */
export type EvaluationSpecInput = { [Field in keyof EvaluationSpec]?: unknown };

const FIELDS: readonly (keyof EvaluationSpec)[] = [
  'displayName',
  'modelManifestDigest',
  'registeredModelName',
  'slices',
  'promptTemplate',
  'answerTemplate',
  'baselineTraining',
  'seed',
  'priority',
  'pipelineRunId',
];

/** The spec with defaults filled in. Adds a violation for every fault. */
export function readEvaluationSpec(given: EvaluationSpecInput, violations: JobViolation[]): EvaluationSpec {
  refuseUnknown(given, FIELDS, '', violations);
  const prompt = readText(given.promptTemplate, 'promptTemplate', violations, 10_000);
  const answer = readText(given.answerTemplate, 'answerTemplate', violations, 10_000);
  parseTemplate(prompt, 'promptTemplate', violations);
  parseTemplate(answer, 'answerTemplate', violations);
  const digest = readText(given.modelManifestDigest, 'modelManifestDigest', violations, 200);
  if (!isDigest(digest)) violations.push({ field: 'modelManifestDigest', message: 'must be the sha256 of a model manifest' });
  const registeredModelName = readName(given.registeredModelName, 'registeredModelName', violations, false);
  return {
    displayName:
      readName(given.displayName, 'displayName', violations, false) ||
      `evaluation of ${registeredModelName || digest.slice(0, 12)}`,
    modelManifestDigest: digest,
    registeredModelName,
    slices: readSlices(given.slices, 'slices', violations),
    promptTemplate: prompt,
    answerTemplate: answer,
    baselineTraining: readInputs(given.baselineTraining, 'baselineTraining', violations, { prompt, answer }),
    seed: readWhole(given.seed, 'seed', violations, { min: 0, max: 2 ** 31 - 1, absent: 1 }),
    priority: readWhole(given.priority, 'priority', violations, { min: -100, max: 100, absent: 0 }),
    pipelineRunId: readText(given.pipelineRunId, 'pipelineRunId', violations, 100),
  };
}
