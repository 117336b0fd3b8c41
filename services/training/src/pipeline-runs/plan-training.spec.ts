// SPDX-License-Identifier: Apache-2.0
import { DatasetReader, type DatasetVersionFacts, type FeedbackDatasetRequest } from '../datasets/dataset-reader';
import type { PipelineRunRecord } from './pipeline-run';
import { PlanTraining } from './plan-training';

class FakeDatasets extends DatasetReader {
  readonly asked: FeedbackDatasetRequest[] = [];
  feedbackRows = 50;

  async getVersion(_workspace: string, reference: string): Promise<DatasetVersionFacts> {
    return {
      id: reference,
      datasetName: reference,
      version: 1,
      contentDigest: 'd',
      rows: reference === 'big/latest' ? 300 : 100,
    };
  }

  async buildFeedbackDataset(_workspace: string, request: FeedbackDatasetRequest): Promise<DatasetVersionFacts> {
    this.asked.push(request);
    return { id: 'feedback-1', datasetName: request.dataset, version: 4, contentDigest: 'f', rows: this.feedbackRows };
  }

  exportRows(): AsyncIterable<Uint8Array> {
    throw new Error('a plan reads no rows');
  }
}

const input = (datasetVersion: string, weight = 0) => ({
  datasetVersion,
  role: 'train',
  weight,
  promptTemplate: '{text}:',
  answerTemplate: ' {label}',
});
const makeRun = (
  over: Partial<PipelineRunRecord['overrides']> = {},
  trainDatasets = [input('train/latest')],
): PipelineRunRecord =>
  ({
    workspace: 'w',
    id: 'run-1',
    pipelineName: 'loop',
    spec: {
      registeredModelName: 'triage',
      experimentName: 'triage',
      baseModel: 'tiny-base',
      trainDatasets,
      feedback: { dataset: 'corrections', weight: 0.4, rowsMin: 20, promptTemplate: '{text}', rowsPerRaterMax: 9 },
      promptTemplate: '{text}:',
      answerTemplate: ' {label}',
      labels: ['a', 'b'],
      hyperparameters: { steps: 10, seed: 3 },
    },
    overrides: {
      useFeedback: false,
      trainDatasetVersionIds: [],
      trainPromptTemplate: '',
      hyperparameters: {},
      reason: '',
      ...over,
    },
  }) as unknown as PipelineRunRecord;

describe('PlanTraining', () => {
  const datasets = new FakeDatasets();
  const plan = new PlanTraining(datasets);
  beforeEach(() => {
    datasets.asked.length = 0;
    datasets.feedbackRows = 50;
  });

  it('trains on the policy as it is, with settings replaced one by one', async () => {
    const { job, feedback } = await plan.execute(makeRun({ hyperparameters: { steps: 20 } }));
    expect(feedback).toBeUndefined();
    expect(job).toMatchObject({
      hyperparameters: { steps: 20, seed: 3 },
      inputs: [input('train/latest')],
      pipelineRunId: 'run-1',
      labels: ['a', 'b'],
    });
    expect(datasets.asked).toEqual([]);
  });

  it('gives feedback its weight and shares the rest by rows', async () => {
    const { job } = await plan.execute(makeRun({ useFeedback: true }, [input('big/latest'), input('small/latest')]));
    const inputs = job.inputs as ReturnType<typeof input>[];
    expect(inputs.map(({ role, weight }) => [role, Number(weight.toFixed(6))])).toEqual([
      ['train', 0.45],
      ['train', 0.15],
      ['feedback', 0.4],
    ]);
    expect(inputs[2]).toMatchObject({ datasetVersion: 'feedback-1', promptTemplate: '{text}' });
  });

  it('asks for the same feedback dataset each time it is driven', async () => {
    await plan.execute(makeRun({ useFeedback: true }));
    await plan.execute(makeRun({ useFeedback: true }));
    const request = { dataset: 'corrections', modelName: 'triage', rowsPerRaterMax: 9, requestId: 'run-1' };
    expect(datasets.asked).toEqual([request, request]);
  });

  it('refuses too little feedback', async () => {
    datasets.feedbackRows = 19;
    await expect(plan.execute(makeRun({ useFeedback: true }))).rejects.toMatchObject({ code: 'TRAINING.FEEDBACK_TOO_SMALL' });
  });

  it('trains on other versions with another template where the run says so', async () => {
    const { job } = await plan.execute(makeRun({ trainDatasetVersionIds: ['lies/1'], trainPromptTemplate: '{text}' }));
    expect(job.inputs).toEqual([{ ...input('lies/1'), promptTemplate: '{text}' }]);
  });
});
