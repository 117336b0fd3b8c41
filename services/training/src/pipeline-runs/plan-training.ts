// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { DatasetReader, type DatasetVersionFacts } from '../datasets/dataset-reader';
import type { FineTuneSpecInput } from '../jobs/fine-tune-spec';
import type { JobInputSpec } from '../jobs/job';
import { TrainingErrors } from '../jobs/jobs.errors';
import type { PipelineRunRecord } from './pipeline-run';

export interface TrainingPlan {
  job: FineTuneSpecInput;
  feedback: DatasetVersionFacts | undefined;
}

/** Turns the policy of a run into a fine-tune job; builds the feedback dataset when the run learns from feedback. */
@Injectable()
export class PlanTraining {
  constructor(private readonly datasets: DatasetReader) {}

  /** Throws FEEDBACK_TOO_SMALL. Safe to repeat: the feedback dataset is built once per run id. */
  async execute(run: PipelineRunRecord): Promise<TrainingPlan> {
    const { spec, overrides } = run;
    const feedback = overrides.useFeedback ? await this.buildFeedback(run) : undefined;
    const train = trainInputs(run);
    const share = feedback && spec.feedback ? spec.feedback.weight : 0;
    const inputs = share > 0 ? await this.giveWeights(run, train, 1 - share) : train;
    if (feedback && spec.feedback) {
      const { promptTemplate } = spec.feedback;
      inputs.push({
        datasetVersion: feedback.id,
        role: 'feedback',
        weight: share,
        promptTemplate,
        answerTemplate: spec.answerTemplate,
      });
    }
    return {
      feedback,
      job: {
        displayName: run.pipelineName,
        registeredModelName: spec.registeredModelName,
        experimentName: spec.experimentName,
        baseModel: spec.baseModel,
        inputs,
        promptTemplate: spec.promptTemplate,
        answerTemplate: spec.answerTemplate,
        labels: spec.labels,
        hyperparameters: { ...spec.hyperparameters, ...overrides.hyperparameters },
        pipelineRunId: run.id,
      },
    };
  }

  private async buildFeedback(run: PipelineRunRecord): Promise<DatasetVersionFacts | undefined> {
    const { feedback, registeredModelName } = run.spec;
    if (!feedback) return undefined;
    const { dataset, rowsPerRaterMax, rowsMin } = feedback;
    const request = { dataset, rowsPerRaterMax, modelName: registeredModelName, requestId: run.id };
    const version = await this.datasets.buildFeedbackDataset(run.workspace, request);
    if (version.rows >= rowsMin && version.rows > 0) return version;
    const message = `feedback dataset ${dataset}/${version.version} has ${version.rows} rows, the pipeline asks for ${Math.max(1, rowsMin)}`;
    throw TrainingErrors.FEEDBACK_TOO_SMALL(message, { rows: version.rows, rowsMin });
  }

  // With feedback every input needs a weight: those of the policy, or shares of the rows, scaled to what feedback leaves.
  private async giveWeights(run: PipelineRunRecord, inputs: readonly JobInputSpec[], total: number): Promise<JobInputSpec[]> {
    const weights = inputs.every((input) => input.weight > 0)
      ? inputs.map((input) => input.weight)
      : (await Promise.all(inputs.map((input) => this.datasets.getVersion(run.workspace, input.datasetVersion)))).map(
          (version) => version.rows,
        );
    const sum = weights.reduce((whole, weight) => whole + weight, 0);
    if (sum === 0) return inputs.map((input) => ({ ...input, weight: total / inputs.length }));
    return inputs.map((input, index) => ({ ...input, weight: (total * (weights[index] ?? 0)) / sum }));
  }
}

function trainInputs(run: PipelineRunRecord): JobInputSpec[] {
  const { spec, overrides } = run;
  if (overrides.trainDatasetVersionIds.length === 0) return spec.trainDatasets.map((input) => ({ ...input }));
  const promptTemplate = overrides.trainPromptTemplate || spec.promptTemplate;
  return overrides.trainDatasetVersionIds.map((datasetVersion) => ({
    datasetVersion,
    role: 'train',
    weight: 0,
    promptTemplate,
    answerTemplate: spec.answerTemplate,
  }));
}
