// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultPorts, loadSettings, settingsOf, SettingsError, type SettingsClass } from '#libs/config';
import { processNames, type ProcessName } from '../local/processes';
import { DataPrepSettings } from '../../services/data-prep/src/config';
import { GatewaySettings } from '../../services/gateway/src/config';
import { IngestionSettings } from '../../services/ingestion/src/config';
import { MonitoringSettings } from '../../services/monitoring/src/config';
import { RegistrySettings } from '../../services/registry/src/config';
import { RuntimeSettings } from '../../services/runtime/src/config';
import { TrainingSettings } from '../../services/training/src/config';
import type { Manifest, Manifests, PodSpec } from './manifests';
import { networkFaults, outsideFaults, questionsOf } from './network';
import { adapterFaults, adapterRules, scalingFaults } from './scaling';

const settingsClasses: Record<ProcessName, SettingsClass<object>> = {
  gateway: GatewaySettings,
  ingestion: IngestionSettings,
  'data-prep': DataPrepSettings,
  training: TrainingSettings,
  registry: RegistrySettings,
  monitoring: MonitoringSettings,
  runtime: RuntimeSettings,
};

/** Faults of environment variables that are given to a process: unknown ones, and values that it would refuse (exit 78). */
export function settingFaults(name: ProcessName, env: Record<string, string>): string[] {
  const settingsClass = settingsClasses[name];
  const known = new Set(settingsOf(settingsClass).map((entry) => entry.env));
  const unknown = Object.keys(env).filter((variable) => !known.has(variable));
  const faults = unknown.map((variable) => `${name}: ${variable} is no setting of it`);
  const filled = { ...env };
  if (filled.DATABASE_URL?.startsWith('secret:')) filled.DATABASE_URL = 'postgres://user:password@host/database';
  try {
    loadSettings(settingsClass, filled);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    faults.push(`${name}: ${error.message}`);
  }
  return faults;
}

/** What would not work although every manifest is valid. */
export function deploymentFaults(manifests: Manifests, root: string): string[] {
  const faults = processNames.flatMap((name) => {
    const deployment = manifests.find('Deployment', name);
    return [...processFaults(manifests, deployment, name), ...serviceFaults(manifests, name)];
  });
  for (const job of manifests.of('Job')) faults.push(...lockFaults(job));
  const programs = [...manifests.of('Deployment'), ...manifests.of('Job')].map(
    ({ spec }) => spec!.template!.spec.containers[0].args?.[0],
  );
  return [
    ...faults,
    ...programs.flatMap((program) => programFaults(root, program)),
    ...networkFaults(manifests, questionsOf(root)),
  ];
}

/** What would not work in prod beside that: load that nobody follows, nodes that cannot be drained, backing services out of reach. */
export function prodFaults(manifests: Manifests, root: string): string[] {
  return [...scalingFaults(manifests), ...adapterFaults(manifests, adapterRules(root)), ...outsideFaults(manifests)];
}

function processFaults(manifests: Manifests, deployment: Manifest, name: ProcessName): string[] {
  const { spec: pod, metadata } = deployment.spec!.template!;
  const [container] = pod.containers;
  const ports = defaultPorts[name];
  const grace = pod.terminationGracePeriodSeconds ?? 30;
  const env = manifests.environment(container);
  const needed = (container.lifecycle?.preStop?.sleep?.seconds ?? 0) + Number(env.SHUTDOWN_SECONDS) + 1;
  const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe].map((probe) => probe?.httpGet?.path);
  const expected: [boolean, string][] = [
    [container.args?.[0] === name, `runs ${String(container.args?.[0])}`],
    [portOf(container.ports, 'http') === ports.http, `HTTP port is not ${ports.http}`],
    [ports.grpc === 0 || portOf(container.ports, 'grpc') === ports.grpc, `gRPC port is not ${ports.grpc}`],
    [probes.join() === '/health/live,/health/live,/health/serving', `probes ask ${probes.join()}`],
    [metadata.annotations?.['prometheus.io/port'] === String(ports.http), 'Prometheus is sent to another port'],
    [grace > needed, `is killed after ${grace} s, and needs up to ${needed} s to stop`],
    [container.resources?.limits?.memory !== undefined, 'has no memory limit'],
    [container.resources?.requests?.cpu !== undefined, 'asks for no processor time, so cannot be scaled by it'],
  ];
  return [
    ...expected.filter(([ok]) => !ok).map(([, what]) => `${name}: ${what}`),
    ...workDirFaults(name, pod, env),
    ...lockFaults(deployment),
    ...settingFaults(name, env),
  ];
}

/** Writable, and what the process is told of how long it lasts is so. */
export function workDirFaults(name: ProcessName, { containers, volumes }: PodSpec, env: Record<string, string>): string[] {
  const workDir = env.WORK_DIR;
  if (workDir === undefined) return [];
  const mount = containers[0].volumeMounts?.find(({ mountPath }) => workDir.startsWith(mountPath));
  if (!mount) return [`${name}: WORK_DIR ${workDir} is on the read-only file system`];
  const asks = settingsOf(settingsClasses[name]).some((entry) => entry.env === 'WORK_DIR_OUTLIVES_PROCESS');
  const endsWithPod = volumes?.some((volume) => volume.name === mount.name && volume.emptyDir !== undefined);
  if (!asks || !endsWithPod || env.WORK_DIR_OUTLIVES_PROCESS === 'false') return [];
  return [`${name}: WORK_DIR ${workDir} ends with its pod, so WORK_DIR_OUTLIVES_PROCESS must be false`];
}

/** Non-root, nothing writable but volumes, no capability, no token of the cluster. */
function lockFaults({ metadata, spec }: Manifest): string[] {
  const pod = spec!.template!.spec;
  const [{ securityContext: own }] = pod.containers;
  const locked =
    pod.securityContext?.runAsNonRoot === true &&
    pod.securityContext.seccompProfile?.type === 'RuntimeDefault' &&
    pod.automountServiceAccountToken === false &&
    own?.allowPrivilegeEscalation === false &&
    own.readOnlyRootFilesystem === true &&
    own.capabilities?.drop?.includes('ALL');
  return locked ? [] : [`${metadata.name}: is not locked down (non-root, seccomp, read-only, no capabilities, no token)`];
}

function serviceFaults(manifests: Manifests, name: ProcessName): string[] {
  const ports = defaultPorts[name];
  const faults: string[] = [];
  const labels = manifests.find('Deployment', name).spec!.template!.metadata.labels;
  const doors =
    ports.grpc === 0
      ? [[name, 'http', ports.http] as const]
      : [[name, 'http', ports.http] as const, [`${name}-grpc`, 'grpc', ports.grpc] as const];
  for (const [service, port, number] of doors) {
    const { spec } = manifests.find('Service', service);
    if (
      portOf(
        spec?.ports?.map((each) => ({ name: each.name, containerPort: each.port })),
        port,
      ) !== number
    )
      faults.push(`Service ${service}: port ${port} is not ${number}`);
    if (!Object.entries((spec?.selector ?? {}) as Record<string, string>).every(([key, value]) => labels[key] === value))
      faults.push(`Service ${service}: selects no pod of ${name}`);
    if (port === 'grpc' && spec?.clusterIP !== 'None')
      faults.push(`Service ${service}: not headless, so calls would stick to one replica`);
  }
  return faults;
}

function portOf(ports: { name: string; containerPort: number }[] | undefined, name: string): number | undefined {
  return ports?.find((port) => port.name === name)?.containerPort;
}

function programFaults(root: string, program: string | undefined): string[] {
  const commands = readFileSync(join(root, 'deploy/entrypoint.mjs'), 'utf8');
  const file = commands.match(new RegExp(`^ {2}${program}: '(.+)',$`, 'm'))?.[1] ?? `dist/services/${program}/src/main.js`;
  return existsSync(join(root, file)) ? [] : [`${String(program)}: the image has no ${file}`];
}
