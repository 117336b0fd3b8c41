// SPDX-License-Identifier: Apache-2.0
import { registry, training } from '#libs/contracts';
import { call } from '../clients';
import { ALIAS, MODEL, PIPELINE, type DemoContext } from '../demo-context';
import { scoreText, short } from '../intervals';

const { PipelineRunState } = training;
const ENDED: training.PipelineRunState[] = [
  PipelineRunState.PIPELINE_RUN_STATE_SUCCEEDED,
  PipelineRunState.PIPELINE_RUN_STATE_FAILED,
  PipelineRunState.PIPELINE_RUN_STATE_REJECTED,
  PipelineRunState.PIPELINE_RUN_STATE_CANCELLED,
];

/** Follows a pipeline run with live progress until it waits for people, or at its gate when `gateMayFail`. */
export async function followPipelineRun(context: DemoContext, runId: string, gateMayFail = false): Promise<training.PipelineRun> {
  const { ana, story } = context;
  return story.poll(
    `pipeline run ${runId} asks for approval`,
    async () => {
      const { pipelineRun: run } = await ana.pipelines.getPipelineRun({ pipelineRunId: runId }, call);
      if (!run) return undefined;
      if (run.state === PipelineRunState.PIPELINE_RUN_STATE_TRAINING && run.jobId) await tellJob(context, run.jobId);
      if (run.state === PipelineRunState.PIPELINE_RUN_STATE_AWAITING_APPROVAL) return run;
      if (run.state === PipelineRunState.PIPELINE_RUN_STATE_GATE_FAILED && gateMayFail) return run;
      // A forced run leaves its gate with the next look of its sweeper.
      const refused = run.state === PipelineRunState.PIPELINE_RUN_STATE_GATE_FAILED && !run.forced;
      const stuck = refused || ENDED.includes(run.state);
      if (stuck)
        story.check(`pipeline run ${runId} goes on`, false, `${run.state}: ${run.reason} ${run.lastError} ${gateText(run)}`);
      return undefined;
    },
    240,
  );
}

export function gateText(run: training.PipelineRun): string {
  return run.gate
    .map(
      (outcome) => `${outcome.rule?.slice} ${outcome.rule?.metric}: ${outcome.passed ? 'passed' : 'failed'} (${outcome.reason})`,
    )
    .join('; ');
}

async function tellJob({ ana, story }: DemoContext, jobId: string): Promise<void> {
  const { job } = await ana.jobs.getJob({ jobId }, call);
  const progress = job?.progress;
  if (!progress || progress.step === '0') return;
  const { step, stepsTotal, loss, tokensPerSecond } = progress;
  story.progress(`step ${step} of ${stepsTotal}, loss ${loss.toFixed(3)}, ${Math.round(tokensPerSecond)} tokens/s`);
}

/** A version with its evidence, from the registry. */
export async function readVersion({ ana }: DemoContext, version: number): Promise<registry.ModelVersion> {
  const answer = await ana.models.getModelVersion({ modelName: MODEL, version }, call);
  return answer.version as registry.ModelVersion;
}

/** Says what the held-out rows say of a version, honestly beside simple baselines. */
export async function tellScores(context: DemoContext, version: number): Promise<registry.ModelVersion> {
  const read = await context.story.poll(`evidence of version ${version} is in the registry`, async () => {
    const candidate = await readVersion(context, version);
    return candidate.evaluations.length > 0 ? candidate : undefined;
  });
  for (const score of read.evaluations) {
    const baselines = Object.entries(score.baselines).map(([name, value]) => `${name.replaceAll('_', ' ')} ${short(value)}`);
    const beside = baselines.length > 0 ? `; beside it: ${baselines.join(', ')}` : '';
    context.story.say(
      `  ${score.slice} ${score.metric}: ${scoreText(score.value, score.low, score.high)} on ${score.rows} rows${beside}`,
    );
  }
  return read;
}

/** The second person's word. The requester's own word must not count. */
export async function approve(context: DemoContext, approvalId: string, comment: string): Promise<void> {
  const { ben, story } = context;
  const { approval } = await ben.models.decideApproval({ approvalId, approve: true, comment, requestId: '' }, call);
  story.check(
    `ben@example.org approved: ${ALIAS} moves to version ${approval?.version}`,
    approval?.state === registry.ApprovalState.APPROVAL_STATE_APPROVED,
    JSON.stringify(approval),
  );
}

/** Starts a run of the demo's pipeline. */
export async function startRun(context: DemoContext, change: Partial<training.StartPipelineRunRequest>): Promise<string> {
  const answer = await context.ana.pipelines.startPipelineRun(
    {
      pipeline: PIPELINE,
      useFeedback: false,
      trainDatasetVersionIds: [],
      hyperparameters: {},
      proposalId: '',
      reason: '',
      trainPromptTemplate: '',
      requestId: '',
      ...change,
    },
    call,
  );
  return answer.pipelineRun?.id ?? '';
}

/** Version that the alias points to, 0 = none. */
export async function championVersion({ ana }: DemoContext): Promise<number> {
  const { model } = await ana.models.getRegisteredModel({ name: MODEL }, call);
  return model?.aliases[ALIAS] ?? 0;
}
