// SPDX-License-Identifier: Apache-2.0
import { registry } from '#libs/contracts';
import { type AppError, notFound } from '#libs/errors';
import { FakeServer } from './fake-server';

/** Stands for the registry: the spec sets what aliases point to and how alias requests are answered. */
export class FakeRegistry {
  private readonly server: FakeServer;
  /** `<workspace>/<model>@<alias>` -> version. */
  readonly aliases = new Map<string, { version: number; digest: string }>();
  /** Alias requests, repeats included. */
  readonly requests: registry.RequestAliasMoveRequest[] = [];
  /** Errors of the next alias requests, one each. */
  readonly refusals: AppError[] = [];
  /** Approvals asked for; false moves aliases at once. */
  isProtected = true;

  constructor() {
    this.server = new FakeServer(registry.ModelServiceService, {
      resolveAlias: ({ modelName, alias }: registry.ResolveAliasRequest, workspace) => {
        const found = this.aliases.get(`${workspace}/${modelName}@${alias}`);
        if (!found) throw notFound('alias', alias);
        return registry.ResolveAliasResponse.fromPartial({
          version: { modelName, version: found.version, modelManifestDigest: found.digest },
        });
      },
      requestAliasMove: (request: registry.RequestAliasMoveRequest) => {
        this.requests.push(request);
        const refusal = this.refusals.shift();
        if (refusal) throw refusal;
        if (!this.isProtected) return { moved: true, approval: undefined };
        return registry.RequestAliasMoveResponse.fromPartial({ approval: { id: `approval-of-${request.requestId}` } });
      },
    });
  }

  get address(): string {
    return this.server.address;
  }

  async listen(): Promise<this> {
    await this.server.listen();
    return this;
  }

  close(): void {
    this.server.close();
  }
}
