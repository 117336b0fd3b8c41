// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { CommonErrors } from '#libs/errors';

/** Folder of the .proto files: <package root>/proto, found from the sources as well as from dist/. */
export function protoRoot(from = __dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'proto'))) return join(folder, 'proto');
    if (dirname(folder) === folder) throw CommonErrors.INTERNAL('the folder proto/ is missing beside package.json');
  }
}

/** The .proto files that define some services, found by their package ('millrace.registry.v1' lives in millrace/registry/v1). */
export function loadProtos(serviceNames: string[], root = protoRoot()): PackageDefinition {
  const folders = new Set(serviceNames.map((name) => name.split('.').slice(0, -1).join('/')));
  const files = [...folders].flatMap((folder) => listProtos(root, folder));
  if (files.length === 0) throw CommonErrors.INTERNAL(`no .proto file defines ${serviceNames.join(', ')}`);
  return loadSync(files, { longs: String, bytes: Buffer, keepCase: false, oneofs: true, defaults: true, includeDirs: [root] });
}

/** The standard health service's own .proto file, so that reflection can describe what it lists. */
export function loadHealthProto(): PackageDefinition {
  return loadSync(healthProtoPath);
}

function listProtos(root: string, folder: string): string[] {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith('.proto'))
    .map((name) => `${folder}/${name}`);
}
