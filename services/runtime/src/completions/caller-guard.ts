// SPDX-License-Identifier: Apache-2.0
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Authenticator, requireRole } from '#libs/auth';
import { workspaceOf, type MillraceRequest } from '#libs/http';
import { RuntimeSettings } from '../config';

/**
 * Who may use the OpenAI routes: with MILLRACE_AUTH=on whoever has a token with the viewer role; with off everybody, whatever key the client
 * sends, because OpenAI's SDKs cannot send none.
 */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(
    private readonly settings: RuntimeSettings,
    private readonly authenticator: Authenticator,
  ) {}

  async canActivate(host: ExecutionContext): Promise<boolean> {
    if (this.settings.auth === 'off') return true;
    const request = host.switchToHttp().getRequest<MillraceRequest>();
    requireRole(await this.authenticator.authenticate(request.headers.authorization), workspaceOf(request.raw), 'viewer');
    return true;
  }
}
