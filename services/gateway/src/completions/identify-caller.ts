// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Authenticator, requireRole, Workspaces } from '#libs/auth';
import { CommonErrors } from '#libs/errors';
import { API_KEY_PREFIX, hashSecret } from '../api-keys/api-key';
import { GatewaySettings } from '../config';
import { RoutingStore } from '../routing/routing-store';
import { CompletionErrors } from './completions.errors';

const BEARER = /^Bearer +(\S+)$/i;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/**
 * Who calls an OpenAI route, and for which workspace. An API key belongs to one workspace; platform tokens name theirs as
 * elsewhere. Where identity is off, the placeholder that SDKs insist on ("unused") counts as no token; keys and real tokens are
 * checked all the same.
 */
@Injectable()
export class IdentifyCaller {
  constructor(
    private readonly routing: RoutingStore,
    private readonly authenticator: Authenticator,
    private readonly workspaces: Workspaces,
    private readonly settings: GatewaySettings,
  ) {}

  /** The workspace that the request is for. Throws GATEWAY.INVALID_API_KEY and the like. */
  async execute(authorization: string | undefined, named: string): Promise<string> {
    const token = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
    if (token?.startsWith(API_KEY_PREFIX)) return this.byApiKey(token, named);
    const ignored = this.settings.auth === 'off' && (token === undefined || !JWT.test(token));
    if (!ignored) {
      if (token === undefined) throw invalidKey('an API key is required: Authorization: Bearer sk-mr-...');
      if (!JWT.test(token)) throw invalidKey('the API key is not valid');
      requireRole(await this.authenticator.verify(token), named, 'viewer');
    }
    await this.workspaces.ensure(named);
    return named;
  }

  private byApiKey(secret: string, named: string): string {
    const key = this.routing.current()?.apiKeys.get(hashSecret(secret));
    if (!key) throw invalidKey('the API key is unknown or was revoked');
    if (named !== 'default' && named !== key.workspace) {
      throw CommonErrors.FORBIDDEN('the API key belongs to another workspace than the request names');
    }
    return key.workspace;
  }
}

function invalidKey(message: string): Error {
  return CompletionErrors.INVALID_API_KEY(message, { openaiCode: 'invalid_api_key' });
}
