// SPDX-License-Identifier: Apache-2.0
import { Module, type DynamicModule } from '@nestjs/common';
import { ServiceModule } from '#libs/service-host';
import { ApiKeysGrpc } from './api-keys/api-keys.grpc';
import { ApiKeysModule } from './api-keys/api-keys.module';
import { CompletionsModule } from './completions/completions.module';
import type { GatewaySettings } from './config';
import { ControlPlaneModule } from './control-plane.module';
import { EndpointsGrpc } from './endpoints/endpoints.grpc';
import { migrations } from './migrations';
import { AliasesConsumer } from './rollouts/aliases.consumer';
import { RolloutsGrpc } from './rollouts/rollouts.grpc';
import { VerdictsConsumer } from './rollouts/verdicts.consumer';

@Module({})
export class AppModule {
  static forRoot(settings: GatewaySettings): DynamicModule {
    const host = ServiceModule.forRoot({
      service: 'gateway',
      settings,
      migrations,
      consumers: [AliasesConsumer, VerdictsConsumer],
      rpc: [EndpointsGrpc, RolloutsGrpc, ApiKeysGrpc],
    });
    return { module: AppModule, imports: [host, ControlPlaneModule, ApiKeysModule, CompletionsModule] };
  }
}
