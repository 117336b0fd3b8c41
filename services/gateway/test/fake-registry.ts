// SPDX-License-Identifier: Apache-2.0
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { registry } from '#libs/contracts';

/** A registry that knows aliases: the two RPCs that the gateway calls. */
export class FakeRegistry {
  /** Version by "<workspace>/<model>@<alias>" or "<workspace>/<model>/<version>". */
  readonly versions = new Map<string, { version: number; manifestDigest: string }>();
  readonly asked: string[] = [];
  address = '';
  private readonly server = new Server();

  static async start(): Promise<FakeRegistry> {
    const fake = new FakeRegistry();
    const unimplemented = Object.fromEntries(
      Object.keys(registry.ModelServiceService).map((name) => [
        name,
        (_call: unknown, callback: sendUnaryData<unknown>) => callback({ code: status.UNIMPLEMENTED }),
      ]),
    );
    fake.server.addService(registry.ModelServiceService, {
      ...unimplemented,
      resolveAlias: (call: ServerUnaryCall<registry.ResolveAliasRequest, unknown>, callback: sendUnaryData<unknown>) =>
        fake.answer(call, `${call.request.modelName}@${call.request.alias}`, callback),
      getModelVersion: (call: ServerUnaryCall<registry.GetModelVersionRequest, unknown>, callback: sendUnaryData<unknown>) =>
        fake.answer(call, `${call.request.modelName}/${call.request.version}`, callback),
    });
    const port = await new Promise<number>((resolve, reject) => {
      fake.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    fake.address = `127.0.0.1:${port}`;
    return fake;
  }

  close(): void {
    this.server.forceShutdown();
  }

  private answer(call: ServerUnaryCall<unknown, unknown>, key: string, callback: sendUnaryData<unknown>): void {
    const workspace = String(call.metadata.get('x-millrace-workspace')[0] ?? 'default');
    this.asked.push(`${workspace}/${key}`);
    const found = this.versions.get(`${workspace}/${key}`);
    if (!found) return callback({ code: status.NOT_FOUND, details: `${key} not found` });
    const version = registry.ModelVersion.fromJSON({ version: found.version, modelManifestDigest: found.manifestDigest });
    callback(null, { version });
  }
}
