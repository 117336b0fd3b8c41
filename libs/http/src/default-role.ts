// SPDX-License-Identifier: Apache-2.0
import type { Role } from '#libs/auth';

/** The role that a route without @Requires asks for: reading is a viewer's, everything else an editor's. */
export function defaultRole(method: string): Role {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 'viewer' : 'editor';
}
