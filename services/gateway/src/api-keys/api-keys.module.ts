// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { ControlPlaneModule } from '../control-plane.module';
import { ApiKeysGrpc } from './api-keys.grpc';
import { ApiKeysHttp } from './api-keys.http';
import { ApiKeysRepository } from './api-keys.repository';
import { PgApiKeysRepository } from './api-keys.typeorm';
import { CreateApiKey } from './create-api-key';
import { ReadApiKeys } from './read-api-keys';
import { RevokeApiKey } from './revoke-api-key';

@Module({
  imports: [ControlPlaneModule],
  controllers: [ApiKeysHttp],
  providers: [
    { provide: ApiKeysRepository, useClass: PgApiKeysRepository },
    CreateApiKey,
    RevokeApiKey,
    ReadApiKeys,
    ApiKeysGrpc,
  ],
})
export class ApiKeysModule {}
