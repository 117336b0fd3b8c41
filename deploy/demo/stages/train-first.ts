// SPDX-License-Identifier: Apache-2.0
import { gateway, training } from '#libs/contracts';
import { call, httpAddress } from '../clients';
import {
  ALIAS,
  FEEDBACK_SHARE,
  GATE_DROP_MAX,
  JUDGEMENT_ALPHAS,
  MODEL,
  PIPELINE,
  TUNING,
  type DemoContext,
} from '../demo-context';
import { labels } from '../fixture';
import { approve, followPipelineRun, startRun, tellScores } from './walk-pipeline';

/** Stage 2: fine-tune, evaluate, register, approve, serve. */
export async function trainFirst(context: DemoContext): Promise<void> {
  const { ana, story, options } = context;
  await ana.models.setAliasPolicy(
    {
      modelName: MODEL,
      policy: {
        alias: ALIAS,
        approvalsRequired: 1,
        evidence: [{ slice: 'period-1', metric: 'accuracy', valueMin: 0.5, dropMax: GATE_DROP_MAX }],
      },
      requestId: '',
    },
    call,
  );
  story.say(
    `${ALIAS} is protected: evidence on period 1 (at most ${GATE_DROP_MAX} below the champion) and one other person's approval.`,
  );
  await createEndpoint(context);
  await ana.pipelines.createPipeline({ name: PIPELINE, spec: pipelineSpec(context), requestId: '' }, call);
  const runId = await startRun(context, { reason: 'first version' });
  const run = await followPipelineRun(context, runId);
  story.check('version 1 is registered with its lineage', run.modelVersion === 1, JSON.stringify(run));
  const version = await tellScores(context, 1);
  const inputs = version.lineage?.inputs.join(' ') ?? '';
  story.check(
    'its lineage names the prepared rows, the base model, the seed',
    inputs.includes(context.state.trainVersionId) && version.lineage?.baseModelDigest !== '',
  );
  sayBaseline(context, version.evaluations);
  await approve(context, run.approvalId, 'scores read, first version');
  await story.observe('the gateway serves version 1', async () => servedVersion(context, 1), 60);
  story.look(`${httpAddress(options.portBase, 'registry')}/ (versions, scores, approvals, audit)`);
}

function sayBaseline(
  { story }: DemoContext,
  evaluations: { slice: string; metric: string; value: number; baselines: Record<string, number> }[],
): void {
  const score = evaluations.find((one) => one.slice === 'period-1' && one.metric === 'accuracy');
  const baseline = score?.baselines.bag_of_words;
  if (score && baseline !== undefined && baseline > score.value) {
    story.say(
      'A bag-of-words baseline beats this small model. The demo claims that the loop improves a model, not that this model is the best.',
    );
  }
}

async function createEndpoint({ ana, sizes, story }: DemoContext): Promise<void> {
  const judgement = {
    metric: 'correct',
    margin: sizes.margin,
    looks: sizes.looks,
    requestsPerArmMax: sizes.requestsPerArmMax,
    ...JUDGEMENT_ALPHAS,
  };
  await ana.endpoints.createEndpoint(
    {
      name: MODEL,
      modelUri: `models:/${MODEL}@${ALIAS}`,
      backendUrl: '',
      captureBytesMax: 4096,
      rolloutPolicy: { steps: [50], judgement },
      timeoutSeconds: 30,
      requestId: '',
    },
    call,
  );
  story.say(
    `endpoint ${MODEL} follows models:/${MODEL}@${ALIAS}; a new version gets half of the users until the test has decided.`,
  );
}

function pipelineSpec({ state, sizes }: DemoContext): training.PipelineSpec {
  const input = (datasetVersion: string, role: string): training.JobInputSpec => ({
    datasetVersion,
    role,
    weight: 0,
    promptTemplate: '',
    answerTemplate: '',
  });
  return {
    registeredModelName: MODEL,
    experimentName: MODEL,
    alias: ALIAS,
    baseModel: 'tiny-base',
    trainDatasets: [input(state.trainVersionId, 'train')],
    feedback: {
      dataset: 'glossary-feedback',
      weight: FEEDBACK_SHARE,
      rowsMin: '50',
      promptTemplate: '{text}',
      rowsPerRaterMax: 60,
    },
    promptTemplate: '{text}\nDomain:',
    answerTemplate: ' {label}',
    labels,
    hyperparameters: {
      steps: String(sizes.steps),
      ...Object.fromEntries(Object.entries(TUNING).map(([name, value]) => [name, String(value)])),
    },
    evaluationSlices: [
      { name: 'period-1', datasetVersion: state.heldOutVersionId },
      { name: 'period-2', datasetVersion: state.periodTwoVersionId },
    ],
    gate: [{ slice: 'period-1', metric: 'accuracy', valueMin: 0.5, dropMax: GATE_DROP_MAX }],
    requestAlias: true,
    onProposal: training.ProposalPolicy.PROPOSAL_POLICY_AUTO,
  };
}

/** The endpoint, once it serves that version and no rollout runs. */
export async function servedVersion({ ana }: DemoContext, version: number): Promise<gateway.Endpoint | undefined> {
  const { endpoint } = await ana.endpoints.getEndpoint({ name: MODEL }, call);
  const serves = endpoint?.state === gateway.EndpointState.ENDPOINT_STATE_SERVING && endpoint.serving?.version === version;
  return serves ? endpoint : undefined;
}
