// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The version whose API schemas the manifests must fit. */
export const KUBERNETES_VERSION = '1.37.0';
const SCHEMAS_PACKAGE = `kubernetes-validate==${KUBERNETES_VERSION}`;
const KINDS = [
  ...['_definitions', 'deployment-apps-v1', 'statefulset-apps-v1', 'job-batch-v1', 'service-v1', 'configmap-v1', 'secret-v1'],
  ...['namespace-v1', 'serviceaccount-v1', 'persistentvolumeclaim-v1', 'networkpolicy-networking-v1'],
  ...['horizontalpodautoscaler-autoscaling-v2', 'poddisruptionbudget-policy-v1'],
];

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. Throws only when it cannot be started. */
export function run(
  command: string,
  args: string[],
  options: { cwd?: string; input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env });
    const ran: Ran = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (ran.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (ran.stderr += chunk.toString()));
    child.once('error', (error) => reject(new Error(`${command} cannot be run: ${error.message}`)));
    child.once('close', (code) => resolve({ ...ran, code }));
    child.stdin.end(options.input ?? '');
  });
}

/** As `run`, but anything but exit code 0 is an error with what the program said. Gives its standard output. */
export async function succeed(command: string, args: string[], options: Parameters<typeof run>[2] = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** Parsers and schemas that the checks use, kept in the cache folder of CI; made where they are missing or older than their source. */
export class Tools {
  private constructor(
    private readonly binary: string,
    private readonly schemas: string,
  ) {}

  static async prepare(root: string): Promise<Tools> {
    const cache = process.env.MILLRACE_CI_CACHE ?? join(homedir(), '.cache', 'millrace-ci');
    mkdirSync(join(cache, 'bin'), { recursive: true });
    const [binary, schemas] = await Promise.all([buildParsers(root, cache), fetchSchemas(cache)]);
    return new Tools(binary, schemas);
  }

  /** The manifests of an overlay, as kustomize makes them. */
  kustomize(folder: string): Promise<string> {
    return succeed(this.binary, ['kustomize', folder]);
  }

  /** One line per manifest; throws when one does not fit its schema, also for an unknown field. */
  async checkSchemas(manifests: string): Promise<string[]> {
    const template = join(this.schemas, '{{ .ResourceKind }}{{ .KindSuffix }}.json');
    const said = await succeed(this.binary, ['manifests', template, KUBERNETES_VERSION], { input: manifests });
    return said.trim().split('\n');
  }

  async compose(file: string, env: Record<string, string>): Promise<ComposeProject> {
    return JSON.parse(await succeed(this.binary, ['compose', file], { env: { ...process.env, ...env } })) as ComposeProject;
  }

  /** Throws for a syntax error and for each rule of `docker build --check` that is broken. */
  dockerfile(file: string): Promise<string> {
    return succeed(this.binary, ['dockerfile', file]);
  }
}

export interface ComposeProject {
  services: Record<
    string,
    {
      image?: string;
      command?: string[] | null;
      environment?: Record<string, string | null>;
      build?: { dockerfile?: string };
      volumes?: { type: string; source?: string; target: string }[];
    }
  >;
}

async function buildParsers(root: string, cache: string): Promise<string> {
  const source = join(root, '.ci/tools/deploy-check');
  const binary = join(cache, 'bin', 'deploy-check');
  const newest = Math.max(...['main.go', 'go.mod', 'go.sum'].map((file) => statSync(join(source, file)).mtimeMs));
  if (!existsSync(binary) || statSync(binary).mtimeMs < newest)
    await succeed('go', ['build', '-trimpath', '-o', binary, '.'], { cwd: source });
  return binary;
}

/** From PyPI, because it is a registry; refers to its definitions by a path of a server, which becomes one of a file. */
async function fetchSchemas(cache: string): Promise<string> {
  const folder = join(cache, `kubernetes-schemas-${KUBERNETES_VERSION}`);
  if (existsSync(join(folder, 'complete'))) return folder;
  mkdirSync(folder, { recursive: true });
  const download = ['-m', 'pip', 'download', '-q', '--disable-pip-version-check', '--no-deps', '-d', folder, SCHEMAS_PACKAGE];
  await succeed('python3', download);
  const wheel = join(folder, `kubernetes_validate-${KUBERNETES_VERSION}-py3-none-any.whl`);
  await succeed('python3', ['-m', 'zipfile', '-e', wheel, join(folder, 'package')]);
  const strict = join(folder, 'package/kubernetes_validate/kubernetes-json-schema', `v${KUBERNETES_VERSION}-local-strict`);
  const definitions = `file://${join(folder, '_definitions.json')}`;
  for (const kind of KINDS) {
    const text = readFileSync(join(strict, `${kind}.json`), 'utf8').replaceAll('/api/_definitions.json', definitions);
    writeFileSync(join(folder, `${kind}.json`), text);
  }
  writeFileSync(join(folder, 'complete'), '');
  return folder;
}
