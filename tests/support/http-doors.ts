// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenApiDocument } from '#libs/http';
import { projectRoot } from '#libs/testing';
import type { ProcessName } from '../../deploy/local/processes';

/** One route of the platform, as docs/openapi has it; route-table.e2e-spec.ts shows that those are the routes that listen. */
export interface HttpDoor {
  process: ProcessName;
  method: string;
  /** '/api/v1/models/:name'. */
  route: string;
  /** 'registry GET /api/v1/models/:name'; a route below both MLflow prefixes is 'registry GET mlflow runs/get' twice. */
  name: string;
  /** Its document asks for no token. */
  open: boolean;
}

/** The MLflow client asks below the first one, its pages below the second. */
export const MLFLOW_PREFIXES = ['/api/2.0/mlflow/', '/ajax-api/2.0/mlflow/'];

/** Every route of every process: a new one is in here without anybody's doing. */
export function allHttpDoors(): HttpDoor[] {
  const folder = join(projectRoot(), 'docs', 'openapi');
  return readdirSync(folder).flatMap((file) => {
    const process = file.replace(/\.json$/, '') as ProcessName;
    const { paths } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as OpenApiDocument;
    return Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { security }]): HttpDoor => {
        const route = path.replace(/\{(\w+)\}/g, ':$1');
        const prefix = MLFLOW_PREFIXES.find((one) => route.startsWith(one));
        const shown = prefix === undefined ? route : `mlflow ${route.slice(prefix.length)}`;
        const verb = method.toUpperCase();
        return {
          process,
          method: verb,
          route,
          name: `${process} ${verb} ${shown}`,
          open: Array.isArray(security) && security.length === 0,
        };
      }),
    );
  });
}
