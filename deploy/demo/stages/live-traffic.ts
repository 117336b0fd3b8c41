// SPDX-License-Identifier: Apache-2.0
import { monitoring } from '#libs/contracts';
import { call, httpAddress } from '../clients';
import { FALSE_ALARMS_PER_WEEK, MODEL, QUALITY_RISE, type DemoContext } from '../demo-context';
import { everydayTraffic, promptOf } from '../fixture';
import { short } from '../intervals';
import { People, sendFeedback, type Answered, type Opinion } from '../people';
import { accuracyOf, Application } from '../traffic';

const USERS = 120;
/** Answers that each liar judges: bulk, beside the dozen of an honest person. */
const LIES_EACH = 110;

/** Stage 3: the wording of traffic turns; people judge; some lie; monitors notice. */
export async function liveTraffic(context: DemoContext): Promise<void> {
  const { story, fixture, sizes, broker } = context;
  const people = new People(3);
  context.state.apiKey = await createApiKey(context);
  const application = new Application(context);
  await createMonitors(context);
  const calm = await application.askAll(everydayTraffic(fixture, sizes), USERS);
  await sendFeedback(
    broker,
    calm.map((answered) => people.honest(answered)),
  );
  story.say(`${calm.length} everyday requests through the official OpenAI client: ${short(accuracyOf(calm))} right.`);
  await observeCounted(context, calm.length);
  story.check('no monitor fired on everyday traffic', (await firing(context)).length === 0);

  const answers = await application.askAll(fixture.periodTwoTraffic.slice(0, sizes.periodTwoRequests), USERS);
  story.say(
    `${answers.length} requests with rare and technical words: ${short(accuracyOf(answers))} right. Nobody announced the change.`,
  );
  const lies = people.liars.flatMap((liar, index) => lieInBulk(people, liar, answers, index));
  await sendFeedback(broker, [...answers.map((answered) => people.honest(answered)), ...lies]);
  story.say(
    `people judged them on topic feedback.v1 (CloudEvents); ${people.liars.length} of 43 raters lied ${lies.length} times in bulk.`,
  );
  await observeLiars(context, people);
  await observeAlerts(context);
}

function lieInBulk(people: People, liar: string, answers: readonly Answered[], index: number): Opinion[] {
  const start = (index * 97) % answers.length;
  const judged = [...answers.slice(start), ...answers.slice(0, start)].slice(0, LIES_EACH);
  return judged.map((answered) => people.lie(answered, liar));
}

/** The application's own key: shown once, kept hashed, revocable; needed where identity is on. */
async function createApiKey({ ana, story, options }: DemoContext): Promise<string> {
  const gatewayUrl = httpAddress(options.portBase, 'gateway');
  const response = await fetch(`${gatewayUrl}/api/v1/api-keys`, {
    method: 'POST',
    headers: { ...ana.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'demo-application' }),
  });
  if (!response.ok) throw new Error(`the API key was refused: ${await response.text()}`);
  const { secret } = (await response.json()) as { secret: string };
  await story.observe('the gateway knows the new API key of the application', async () => {
    const models = await fetch(`${gatewayUrl}/v1/models`, { headers: { authorization: `Bearer ${secret}` } });
    return models.ok ? secret : undefined;
  });
  return secret;
}

async function createMonitors({ ana, webhook, options, fixture, sizes }: DemoContext): Promise<void> {
  const response = await fetch(`${httpAddress(options.portBase, 'monitoring')}/api/v1/webhooks`, {
    method: 'POST',
    headers: { ...ana.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'demo-pager', url: webhook.url }),
  });
  if (!response.ok) throw new Error(`the webhook was refused: ${await response.text()}`);
  const common = { endpoint: MODEL, modelName: MODEL, requestId: '' };
  const drift = { falseAlarmsPerWeek: FALSE_ALARMS_PER_WEEK, evaluateSeconds: 10, windowMin: 150, windowCount: 300 };
  await ana.monitors.createMonitor(
    {
      ...common,
      name: 'glossary-drift',
      kind: monitoring.MonitorKind.MONITOR_KIND_DRIFT,
      metric: '',
      configJson: JSON.stringify(drift),
      referenceRows: fixture.periodOne
        .slice(0, sizes.trainRows)
        .slice(-700)
        .map((row) => ({ input: promptOf(row.text), answer: row.label })),
    },
    call,
  );
  const quality = {
    falseAlarmsPerWeek: FALSE_ALARMS_PER_WEEK,
    evaluateSeconds: 2,
    baselineCount: sizes.qualityBaselineCount,
    rise: QUALITY_RISE,
  };
  await ana.monitors.createMonitor(
    {
      ...common,
      name: 'glossary-quality',
      kind: monitoring.MonitorKind.MONITOR_KIND_QUALITY,
      metric: 'correct',
      configJson: JSON.stringify(quality),
      referenceRows: [],
    },
    call,
  );
}

async function firing({ ana }: DemoContext): Promise<monitoring.Alert[]> {
  return (await ana.monitors.listAlerts({ state: 'firing', modelName: MODEL, pageSize: 50, pageToken: '' }, call)).alerts;
}

/** Waits until monitoring has judged everyday traffic: both monitors know enough to say "ok". */
async function observeCounted({ ana, story }: DemoContext, requests: number): Promise<void> {
  await story.observe(`${requests} judged requests reached monitoring; drift and quality are ok`, async () => {
    const { monitors } = await ana.monitors.listMonitors({ pageSize: 10, pageToken: '' }, call);
    const ok = monitors.filter((monitor) => monitor.state === monitoring.MonitorState.MONITOR_STATE_OK);
    if (ok.length < 2)
      throw new Error(monitors.map((monitor) => `${monitor.name}: ${monitor.state} (${monitor.stateReason})`).join('; '));
    return ok;
  });
}

async function observeLiars({ ana, story }: DemoContext, people: People): Promise<void> {
  const raters = await story.observe(
    'the raters who lied in bulk are quarantined, and nobody else',
    async () => {
      const answer = await ana.feedback.listRaters({ state: 'quarantined', pageSize: 100, pageToken: '' }, call);
      if (answer.raters.length < people.liars.length) throw new Error(`${answer.raters.length} raters are quarantined`);
      return answer.raters;
    },
    60,
  );
  story.check(
    `exactly ${people.liars.length} raters`,
    raters.length === people.liars.length,
    JSON.stringify(raters.map((rater) => rater.reason)),
  );
  story.say(`  for example: ${raters[0].reason}`);
}

async function observeAlerts(context: DemoContext): Promise<void> {
  const { story, webhook } = context;
  for (const kind of ['drift', 'quality']) {
    const alert = await story.observe(
      `the ${kind} monitor fired`,
      async () => {
        const alerts = await firing(context);
        const found = alerts.find((one) => one.kind === kind);
        if (!found) throw new Error(await whyNot(context, kind));
        return found;
      },
      60,
    );
    story.say(`  ${alert.summary}`);
    story.say(
      `  direction: ${alert.direction}; size ${alert.effect.toFixed(3)}; rows that show it: ${alert.sampleInferenceIds.slice(0, 3).join(', ')}`,
    );
  }
  await story.observe('the alerts arrived at the webhook in Alertmanager’s format', async () => {
    const alerts = webhook.received.flatMap((body) => (body.version === '4' ? body.alerts : []));
    return alerts.length >= 2 ? alerts : undefined;
  });
}

/** What the monitor saw last, for the message of a missing alert. */
async function whyNot({ ana }: DemoContext, kind: string): Promise<string> {
  const { monitor } = await ana.monitors.getMonitor({ monitor: `glossary-${kind}` }, call);
  const { findings } = JSON.parse(monitor?.lastEvaluationJson || '{}') as {
    findings?: { feature: string; effect: number; cut: number }[];
  };
  const figures = (findings ?? []).map((one) => `${one.feature} ${one.effect.toFixed(3)} (needs ${one.cut.toFixed(3)})`);
  return `${monitor?.state}: ${monitor?.stateReason}; ${figures.join(', ')}`;
}
