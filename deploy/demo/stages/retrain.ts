// SPDX-License-Identifier: Apache-2.0
import { training } from '#libs/contracts';
import { call } from '../clients';
import { MODEL, PIPELINE, type DemoContext } from '../demo-context';
import { short } from '../intervals';
import { approve, followPipelineRun, gateText, readVersion, tellScores } from './walk-pipeline';

/** Stage 4: monitoring proposes, the pipeline learns from accepted corrections, a person approves. */
export async function retrain(context: DemoContext): Promise<void> {
  const { ana, story, state, options } = context;
  const proposal = await story.observe(
    'monitoring proposes to train again',
    async () =>
      (await ana.proposals.listProposals({ state: '', modelName: MODEL, pageSize: 5, pageToken: '' }, call)).proposals[0],
    60,
  );
  story.say(`  reasons: ${proposal.reasons.join('; ')}; ${proposal.corrections} corrections wait`);
  const found = await story.observe('the pipeline took the proposal up by its policy', async () => {
    const { pipelineRuns } = await ana.pipelines.listPipelineRuns(
      { pipeline: PIPELINE, state: undefined as never, proposalId: proposal.id, pageSize: 5, pageToken: '' },
      call,
    );
    return pipelineRuns[0];
  });
  const run = await followPipelineRun(context, found.id);
  state.feedbackVersionId = run.feedbackDatasetVersionId;
  story.check(`a feedback dataset of ${run.feedbackRows} rows was built from accepted feedback`, Number(run.feedbackRows) > 0);
  const { version } = await ana.datasets.getDatasetVersion({ version: run.feedbackDatasetVersionId }, call);
  story.look(`http://127.0.0.1:${options.portBase + 1}/api/v1/dataset-versions/${version?.id}`);
  await tellScores(context, run.modelVersion);
  story.say(`  gate: ${gateText(run)}`);
  await compare(context, run.modelVersion);
  await decideByHand(context);
  await approve(context, run.approvalId, 'better on the new period, no worse on the old one');
}

/** Traffic has changed for good, so monitoring would go on proposing; from here on people start the runs of this story. */
async function decideByHand({ ana, story }: DemoContext): Promise<void> {
  const { pipeline } = await ana.pipelines.getPipeline({ pipeline: PIPELINE }, call);
  if (!pipeline?.spec) throw new Error(`pipeline ${PIPELINE} has no policy`);
  const spec = { ...pipeline.spec, onProposal: training.ProposalPolicy.PROPOSAL_POLICY_MANUAL };
  await ana.pipelines.updatePipeline({ pipeline: PIPELINE, spec, etag: pipeline.etag, requestId: '' }, call);
  story.say('The pipeline now waits for people before it takes up another proposal.');
}

async function compare(context: DemoContext, version: number): Promise<void> {
  const score = async (number: number, slice: string) => {
    const read = await readVersion(context, number);
    return read.evaluations.find((one) => one.slice === slice && one.metric === 'accuracy')?.value ?? 0;
  };
  const [before, after] = [await score(1, 'period-2'), await score(version, 'period-2')];
  context.story.check(
    `period 2: ${short(before)} -> ${short(after)} (${after >= before ? '+' : ''}${((after - before) * 100).toFixed(1)} points): the corrections taught it`,
    after > before,
  );
}
