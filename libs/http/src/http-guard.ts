// SPDX-License-Identifier: Apache-2.0
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Authenticator, NOBODY, type Principal, requiredRole, requireRole, skipsAuth, type Workspaces } from '#libs/auth';
import { CommonErrors } from '#libs/errors';
import { defaultRole } from './default-role';
import { errorFormatOf } from './error-formats';
import type { MillraceRequest, RequestContext } from './request-context';
import { requestIdOf } from './request-id';
import { workspaceOf } from './workspace-path';

/** Identifies the caller of every route, checks the role in the workspace, and gives the handler its context. */
export class HttpGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly workspaces: Workspaces,
  ) {}

  async canActivate(host: ExecutionContext): Promise<boolean> {
    if (host.getType() !== 'http') return true;
    const request = host.switchToHttp().getRequest<MillraceRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const handler = host.getHandler();
    const controller = host.getClass();
    request.errorFormat = errorFormatOf(handler, controller);
    const workspace = workspaceOf(request.raw);
    const principal = await this.identify(request, workspace, { handler, controller });
    await this.workspaces.ensure(workspace);
    request.millrace = new LazyContext(workspace, principal, request, reply);
    return true;
  }

  private async identify(
    request: MillraceRequest,
    workspace: string,
    door: { handler: object; controller: object },
  ): Promise<Principal> {
    if (skipsAuth(door.handler, door.controller)) return NOBODY;
    const principal = await this.authenticator.authenticate(request.headers.authorization);
    requireRole(principal, workspace, requiredRole(door.handler, door.controller) ?? defaultRole(request.method));
    return principal;
  }
}

/** Makes the abort signal only for handlers that ask for it: most requests never do. */
class LazyContext implements RequestContext {
  readonly requestId: string;
  private controller?: AbortController;

  constructor(
    readonly workspace: string,
    readonly principal: Principal,
    request: MillraceRequest,
    private readonly reply: FastifyReply,
  ) {
    this.requestId = requestIdOf(request);
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      const controller = new AbortController();
      const { raw } = this.reply;
      const abort = (): void => controller.abort(CommonErrors.CANCELLED('the client went away'));
      if (raw.destroyed && !raw.writableFinished) abort();
      else raw.once('close', () => !raw.writableFinished && abort());
      this.controller = controller;
    }
    return this.controller.signal;
  }
}
