// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { JobsModule } from '../jobs/jobs.module';
import { ColumnEngine } from './column-engine';
import { DuckdbColumnEngine } from './columns.duckdb';
import { DatasetVersionsConsumer } from './dataset-versions.consumer';
import { GetProfile } from './get-profile';
import { ListProfiles } from './list-profiles';
import { MakeProfile } from './make-profile';
import { ProfilesGrpc } from './profiles.grpc';
import { ProfilesHttp } from './profiles.http';
import { ProfilesRepository } from './profiles.repository';
import { TypeormProfilesRepository } from './profiles.typeorm';
import { RequestProfile } from './request-profile';

@Module({
  imports: [JobsModule],
  controllers: [ProfilesHttp],
  providers: [
    { provide: ProfilesRepository, useClass: TypeormProfilesRepository },
    { provide: ColumnEngine, useClass: DuckdbColumnEngine },
    RequestProfile,
    GetProfile,
    ListProfiles,
    MakeProfile,
    DatasetVersionsConsumer,
    ProfilesGrpc,
  ],
})
export class ProfilesModule {}
