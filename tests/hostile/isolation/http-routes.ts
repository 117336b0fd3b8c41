// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '#libs/testing';

/** Every route that a controller of the sources declares, as 'registry GET /api/v1/models/:name'. */
export function declaredRoutes(): string[] {
  const services = join(projectRoot(), 'services');
  return readdirSync(services).flatMap((service) => {
    const source = join(services, service, 'src');
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.http.ts'));
    return files.flatMap((file) => routesIn(readFileSync(join(source, file), 'utf8')).map((route) => `${service} ${route}`));
  });
}

function routesIn(text: string): string[] {
  const routes: string[] = [];
  let prefix = '';
  for (const found of text.matchAll(/^\s*@(Controller|Get|Post|Put|Patch|Delete)\((.*)\)\s*$/gm)) {
    const [, kind, argument] = found;
    if (kind === 'Controller') {
      const mlflow = /^mlflowPrefixes\('([^']*)'\)$/.exec(argument);
      const plain = /^(?:'([^']*)')?$/.exec(argument);
      if (!mlflow && !plain) throw new Error(`a controller with an unknown prefix: ${argument}`);
      prefix = mlflow ? `mlflow ${mlflow[1]}` : (plain?.[1] ?? '');
    } else {
      const paths = [...argument.matchAll(/'([^']*)'/g)].map((match) => match[1]);
      for (const path of paths.length > 0 ? paths : ['']) routes.push(`${kind.toUpperCase()} ${joinPaths(prefix, path)}`);
    }
  }
  // The gateway's OpenAI routes sit on Fastify itself.
  for (const [, verb, path] of text.matchAll(/scope\.(get|post)\('([^']*)'/g)) routes.push(`${verb.toUpperCase()} /v1${path}`);
  return routes;
}

function joinPaths(prefix: string, path: string): string {
  const joined = [prefix, path]
    .map((part) => part.replace(/^\/|\/$/g, ''))
    .filter((part) => part !== '')
    .join('/');
  return prefix.startsWith('mlflow ') ? joined : `/${joined}`;
}
