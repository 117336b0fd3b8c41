// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Authenticator, ServiceTokens } from '#libs/auth';
import { registry } from '#libs/contracts';
import { isAppError } from '#libs/errors';
import { createRpcClient } from '#libs/rpc';
import { GatewaySettings } from '../config';
import type { ModelReference, Version } from './endpoint';
import { ModelDirectory } from './model-directory';

const DEADLINE_MS = 3000;

/** The registry over gRPC. */
@Injectable()
export class RegistryDirectory extends ModelDirectory {
  private readonly client;

  constructor(settings: GatewaySettings, authenticator: Authenticator) {
    super();
    this.client = openClient(settings, authenticator);
  }

  async resolve(workspace: string, reference: ModelReference): Promise<Version | undefined> {
    const { modelName } = reference;
    const options = { deadlineMs: DEADLINE_MS, workspace };
    try {
      const { version } =
        'alias' in reference
          ? await this.client.resolveAlias({ modelName, alias: reference.alias }, options)
          : await this.client.getModelVersion({ modelName, version: reference.version }, options);
      return version && { version: version.version, manifestDigest: version.modelManifestDigest };
    } catch (error) {
      if (isAppError(error) && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  close(): void {
    this.client.close();
  }
}

function openClient(settings: GatewaySettings, authenticator: Authenticator) {
  const tokens = new ServiceTokens('gateway', authenticator.key);
  return createRpcClient(registry.ModelServiceService, {
    address: settings.registryGrpc,
    service: 'gateway',
    idempotent: ['resolveAlias', 'getModelVersion'],
    token: () => tokens.current(),
  });
}
