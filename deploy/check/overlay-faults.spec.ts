// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Manifests, type Manifest } from './manifests';
import { networkFaults, outsideFaults, type Question } from './network';
import { adapterFaults, adapterRules, neededMetrics, scalingFaults } from './scaling';

const root = join(__dirname, '../..');
const QUESTIONS: Question[] = [
  ['gateway', 'runtime'],
  ['gateway', 'registry'],
  ['training', 'registry'],
  ['training', 'ingestion'],
  ['data-prep', 'ingestion'],
];

/** The committed manifests, without what kustomize adds but the label that policies select by; `edit` changes their text first. */
function manifestsOf(overlay: 'dev' | 'prod', edit: (text: string) => string = (text) => text): Manifests {
  const folders = ['base', `overlays/${overlay}`].map((folder) => join(root, 'deploy/kubernetes', folder));
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.yaml') && !/^(kustomization|every-)/.test(file))
      .map((file) => readFileSync(join(folder, file), 'utf8')),
  );
  const manifests = new Manifests(edit(files.join('\n---\n')));
  for (const { spec } of manifests.all)
    if (spec?.template && !('serviceName' in spec)) spec.template.metadata.labels['app.kubernetes.io/part-of'] = 'millrace';
  return manifests;
}

function prod(edit?: (text: string) => string): Manifests {
  return manifestsOf('prod', edit);
}

function without(kind: string, name: string): Manifests {
  const manifests = prod();
  const gone = (each: Manifest): boolean => each.kind === kind && each.metadata.name === name;
  manifests.all.splice(manifests.all.findIndex(gone), 1);
  return manifests;
}

describe('scaling in prod, as deploy:check sees it', () => {
  it('has no fault, and each lag it asks for is given out by the adapter', () => {
    expect(scalingFaults(prod())).toEqual([]);
    expect(neededMetrics(prod()).map(({ consumer }) => consumer)).toContain('monitoring.feedback');
    expect(adapterFaults(prod(), adapterRules(root))).toEqual([]);
    const [rule] = adapterRules(root);
    const other = { ...rule, seriesQuery: '{__name__=~"^millrace_[a-z]+_consumer_lag_events$"}' };
    expect(adapterFaults(prod(), [other])).toEqual([
      'data-prep: prometheus-adapter-rules.yaml gives out no millrace_data_prep_consumer_lag_events',
    ]);
  });

  it.each(['gateway', 'ingestion', 'data-prep', 'registry', 'monitoring'])('misses the autoscaler of %s', (name) => {
    expect(scalingFaults(without('HorizontalPodAutoscaler', name))).toEqual([`${name}: has 0 autoscalers`]);
  });

  it.each(['gateway', 'ingestion', 'data-prep', 'training', 'registry', 'monitoring'])('misses the budget of %s', (name) => {
    expect(scalingFaults(without('PodDisruptionBudget', name))).toEqual([`${name}: 0 disruption budgets select its pods`]);
  });

  it.each([
    [
      'consumer: monitoring.feedback',
      'consumer: monitoring.rollouts',
      /^monitoring: is not scaled by the lag of monitoring.feedback/,
    ],
    ['name: cpu', 'name: memory', /^gateway: is not scaled by processor time/],
    ['maxReplicas: 3', 'maxReplicas: 4', /^data-prep: 4 replicas cannot share 3 partitions/],
    ['maxUnavailable: 1', 'maxUnavailable: 0', /^gateway: its disruption budget does not let exactly one replica go/],
  ])('sees %s become %s', (before, after, fault) => {
    expect(scalingFaults(prod((text) => text.replace(before, after)))[0]).toMatch(fault);
  });

  it('is what docs/deployment.md says of each service', () => {
    const page = readFileSync(join(root, 'docs/deployment.md'), 'utf8');
    const said = [...page.matchAll(/^\| [a-z-]+ \| processor time(.*?) \|/gm)].flatMap(([, by]) =>
      [...by.matchAll(/`([^`]+)`/g)].map(([, group]) => group),
    );
    expect(said.sort()).toEqual(
      neededMetrics(prod())
        .map(({ consumer }) => consumer)
        .sort(),
    );
  });
});

describe('the network, as deploy:check sees it', () => {
  const faults = (edit?: (text: string) => string): string[] => {
    const manifests = prod(edit);
    return [...networkFaults(manifests, QUESTIONS), ...outsideFaults(manifests)];
  };
  const replaced = (before: string | RegExp, after: string): string[] => faults((text) => text.replace(before, after));

  it('lets through what is needed and nothing else, in dev and in prod', () => {
    expect(networkFaults(manifestsOf('dev'), QUESTIONS)).toEqual([]);
    expect(faults()).toEqual([]);
  });

  it('would be seen to let the runtime and Jobs at outside services by a policy for all pods', () => {
    const seen = replaced(
      /(name: outside-postgres \}\nspec:\n)[^]*?( {2}policyTypes)/,
      '$1  podSelector: { matchLabels: { app.kubernetes.io/part-of: millrace } }\n$2',
    );
    expect(seen).toEqual([
      'network: runtime to postgres outside, port 5432, is open and not needed',
      'network: topics to postgres outside, port 5432, is open and not needed',
    ]);
  });

  it.each([
    [
      'millrace.dev/backing: models',
      'millrace.dev/backing: other',
      'network: gateway to models, port 8000, is needed and closed',
    ],
    [
      'millrace.dev/backing: identity',
      'millrace.dev/backing: x',
      'network: training to identity, port 8443, is needed and closed',
    ],
    ['169.254.20.10/32', '169.254.20.11/32', 'network: migrate to names by UDP, port 53, is needed and closed'],
    ["millrace.dev/metrics: 'true'", "x: 'true'", 'network: runtime from Prometheus, port http, is needed and closed'],
    ['registry, monitoring, migrate]', 'registry, monitoring]', 'network: migrate to postgres, port 5432, is needed and closed'],
    ['registry, monitoring, topics]', 'registry, monitoring]', 'network: topics to kafka, port 9092, is needed and closed'],
    ['- 198.18.0.0/15', '- 198.19.0.0/16', 'network: webhooks may reach 198.18.0.0/15'],
    ['name: outside-kafka', 'name: outside-nothing', 'network: there is no policy outside-kafka with an address and a port'],
  ])('without %s', (before, after, fault) => {
    expect(replaced(before, after)).toContain(fault);
  });
});
