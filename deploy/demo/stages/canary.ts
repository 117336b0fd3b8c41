// SPDX-License-Identifier: Apache-2.0
import { gateway, ingestion, registry, training } from '#libs/contracts';
import { call, httpAddress } from '../clients';
import { ALIAS, CANARY_USERS, CANARY_WAVE, MODEL, type DemoContext } from '../demo-context';
import { People, sendFeedback } from '../people';
import { Application } from '../traffic';
import { servedVersion } from './train-first';
import { approve, championVersion, followPipelineRun, startRun } from './walk-pipeline';

const { RolloutState } = gateway;

/** Stage 5: version 2 is promoted by the test; a bad version 3 is rolled back by the same test. */
export async function canaries(context: DemoContext): Promise<void> {
  const { story, ana, options } = context;
  story.say('Half of the users get version 2; each user stays on one side; people go on judging.');
  await runCanary(context, 2, RolloutState.ROLLOUT_STATE_PROMOTED);
  await story.observe('version 2 serves everybody', async () => servedVersion(context, 2));
  await forceBadVersion(context);
  await runCanary(context, 3, RolloutState.ROLLOUT_STATE_ROLLED_BACK);
  await story.observe('version 2 serves everybody again', async () => servedVersion(context, 2));
  await story.observe(`the registry moved ${ALIAS} back to version 2`, async () =>
    (await championVersion(context)) === 2 ? true : undefined,
  );
  story.check(
    `${context.state.requests} requests were asked, none failed`,
    context.state.failedRequests === 0,
    `${context.state.failedRequests} failed`,
  );
  const audit = await ana.models.verifyAudit({}, call);
  story.check(`the audit chain of ${audit.entries} entries is intact`, audit.intact);
  await tellAudit(context);
  story.look(`${httpAddress(options.portBase, 'registry')}/api/v1/audit`);
}

async function runCanary(context: DemoContext, version: number, expected: gateway.RolloutState): Promise<void> {
  const { story, ana, fixture, sizes, broker } = context;
  const people = new People(50 + version);
  const application = new Application(context);
  const rollout = await story.observe(
    `a rollout of version ${version} started`,
    async () => {
      const { rollouts } = await ana.rollouts.listRollouts({ endpoint: MODEL, pageSize: 10, pageToken: '' }, call);
      return rollouts.find((one) => one.candidate?.version === version);
    },
    60,
  );
  const sides = new Map<string, Set<number>>();
  const read = async () => (await ana.rollouts.getRollout({ id: rollout.id }, call)).rollout;
  let asked = 0;
  while ((await read())?.state === RolloutState.ROLLOUT_STATE_RUNNING && asked < sizes.canaryRequestsMax) {
    const rows = Array.from({ length: CANARY_WAVE }, () => people.pick(fixture.canary));
    const answers = await application.askAll(rows, CANARY_USERS, asked);
    // Only waves that lie wholly inside the rollout tell whether users stay on their side.
    const inside = (await read())?.state === RolloutState.ROLLOUT_STATE_RUNNING;
    if (inside)
      answers.forEach((answered) => sides.set(answered.user, (sides.get(answered.user) ?? new Set()).add(answered.version)));
    asked += rows.length;
    await sendFeedback(
      broker,
      answers.map((answered) => people.honest(answered)),
    );
    await settle(context, rollout.id, asked);
  }
  const ended = await story.observe(
    `the test ${expected === RolloutState.ROLLOUT_STATE_PROMOTED ? 'promoted' : 'rolled back'} version ${version}`,
    async () => {
      const now = await read();
      if (now?.state !== expected) throw new Error(await whyUndecided(context, rollout.id, asked));
      return now;
    },
    20,
  );
  story.say(`  ${ended.reason}`);
  await tellVerdict(context, ended);
  if (expected === RolloutState.ROLLOUT_STATE_PROMOTED) checkSticky(context, sides);
}

/** Lets the wave be judged before the next one: monitoring looks at a rollout every few seconds. */
async function settle({ ana, story }: DemoContext, rolloutId: string, asked: number): Promise<void> {
  story.progress(`${asked} requests`);
  const startedAt = Date.now();
  await story.poll('monitoring looked at the wave', async () => {
    const { rollout } = await ana.rollouts.getRollout({ id: rolloutId }, call);
    return rollout?.state !== RolloutState.ROLLOUT_STATE_RUNNING || Date.now() - startedAt > 2500 ? true : undefined;
  });
}

async function whyUndecided({ ana }: DemoContext, rolloutId: string, asked: number): Promise<string> {
  const { verdicts } = await ana.verdicts.listVerdicts({ rolloutId, pageSize: 3, pageToken: '' }, call);
  const said = verdicts.map((verdict) => `${verdict.outcome} at look ${verdict.look}: ${verdict.reason}`);
  return `undecided after ${asked} requests; verdicts: ${said.join(' | ') || 'none'}`;
}

function checkSticky({ story }: DemoContext, sides: Map<string, Set<number>>): void {
  const moved = [...sides.values()].filter((versions) => versions.size > 1).length;
  story.check(`${sides.size} users, each on one side until the end`, moved === 0, `${moved} users saw both versions`);
}

async function tellVerdict({ ana, story }: DemoContext, rollout: gateway.Rollout): Promise<void> {
  const { verdict } = await ana.verdicts.getVerdict({ id: rollout.verdictId }, call);
  const { same } = await ana.verdicts.recomputeVerdict({ id: rollout.verdictId }, call);
  story.check(`its verdict can be recomputed from the evidence stored with it (look ${verdict?.look})`, same);
}

/** A version trained on what the liars said, forced past its gate: the kind of mistake that a canary is for. */
async function forceBadVersion(context: DemoContext): Promise<void> {
  const { story, ana, state, sizes } = context;
  const built = await ana.datasets.buildFeedbackDataset(
    {
      dataset: 'glossary-poisoned',
      modelName: MODEL,
      source: ingestion.FeedbackSource.FEEDBACK_SOURCE_RETRACTED,
      rowsPerRaterMax: 0,
      sinceTime: undefined,
      reason: 'demo: what would the liars have taught the model?',
      tags: {},
      requestId: '',
    },
    call,
  );
  state.poisonedVersionId = built.version?.id ?? '';
  story.say(`Now a deliberate mistake: version 3 is trained on the ${built.version?.rowsKept} labels of the quarantined raters.`);
  const runId = await startRun(context, {
    trainDatasetVersionIds: [state.poisonedVersionId],
    trainPromptTemplate: '{text}',
    hyperparameters: { steps: String(sizes.poisonedSteps) },
    reason: 'demo of a bad version',
  });
  const failed = await followPipelineRun(context, runId, true);
  story.check('its gate refused it', failed.state === training.PipelineRunState.PIPELINE_RUN_STATE_GATE_FAILED, failed.state);
  for (const outcome of failed.gate.filter((one) => !one.passed)) story.say(`  ${outcome.reason}`);
  await ana.pipelines.forcePipelineGate(
    { pipelineRunId: runId, reason: 'demo: we want to see the canary catch it', requestId: '' },
    call,
  );
  const run = await followPipelineRun(context, runId);
  story.check(
    'somebody forced it past the gate, with a reason that the audit keeps',
    run.forced && run.modelVersion === 3,
    JSON.stringify(run.forceReason),
  );
  await approve(context, run.approvalId, 'demo: approved against the evidence');
}

async function tellAudit({ ana, story }: DemoContext): Promise<void> {
  const entries: registry.AuditEntry[] = [];
  for (let pageToken = ''; ;) {
    const page = await ana.models.listAuditEntries({ subject: '', pageSize: 200, pageToken }, call);
    entries.push(...page.entries);
    if (page.nextPageToken === '') break;
    pageToken = page.nextPageToken;
  }
  const moves = entries.filter((entry) => entry.action.includes('alias') && entry.action.includes('moved'));
  for (const move of moves)
    story.say(`  audit ${move.sequence}: ${move.action} ${move.subject} by ${move.actor}: ${move.reason.slice(0, 160)}`);
  story.check('the audit tells all four moves of the alias', moves.length === 4, moves.map((move) => move.action).join(', '));
}
