// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Authenticator, ServiceTokens } from '#libs/auth';
import { GatewaySettings } from '../config';

/**
 * With what the gateway identifies itself to a backend. Only the platform's own runtime gets a service token, and only where
 * identity is on: a token of ours must never reach somebody else's server.
 */
@Injectable()
export class BackendAccess {
  private readonly tokens: ServiceTokens;
  private readonly runtimeOrigin: string;

  constructor(
    private readonly settings: GatewaySettings,
    authenticator: Authenticator,
  ) {
    this.tokens = new ServiceTokens('gateway', authenticator.key);
    this.runtimeOrigin = new URL(settings.runtimeUrl).origin;
  }

  /** The headers of a request to this backend. */
  async headersFor(backendUrl: string): Promise<Record<string, string>> {
    if (this.settings.auth === 'off' || new URL(backendUrl).origin !== this.runtimeOrigin) return {};
    const token = await this.tokens.current();
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }
}
