// SPDX-License-Identifier: Apache-2.0
import { createParamDecorator, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Authenticator, LOCAL_ADMIN, NOBODY, type Principal, requireRole } from '#libs/auth';
import { workspaceOf, type MillraceRequest } from '#libs/http';
import { RuntimeSettings } from '../config';

interface CallerRequest extends MillraceRequest {
  caller?: Principal;
}

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
    const request = host.switchToHttp().getRequest<CallerRequest>();
    request.caller = await this.identify(request);
    return true;
  }

  private async identify(request: CallerRequest): Promise<Principal> {
    if (this.settings.auth === 'off') return LOCAL_ADMIN;
    const principal = await this.authenticator.authenticate(request.headers.authorization);
    requireRole(principal, workspaceOf(request.raw), 'viewer');
    return principal;
  }
}

/** `@Caller() caller: Principal`, behind the guard. */
export const Caller = createParamDecorator(
  (_data: unknown, host: ExecutionContext): Principal => host.switchToHttp().getRequest<CallerRequest>().caller ?? NOBODY,
);
