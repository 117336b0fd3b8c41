// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { dataprep } from '#libs/contracts';
import { RpcController, type RpcContext } from '#libs/rpc';
import type { Caller } from '../datasets/caller';
import { GetProfile } from './get-profile';
import { ListProfiles } from './list-profiles';
import { profileToProto } from './profiles.proto';
import { RequestProfile } from './request-profile';

function callerOf(ctx: RpcContext): Caller {
  return { workspace: ctx.workspace, subject: ctx.principal.subject };
}

@Injectable()
@RpcController(dataprep.ProfileServiceService)
export class ProfilesGrpc {
  constructor(
    private readonly request: RequestProfile,
    private readonly get: GetProfile,
    private readonly list: ListProfiles,
  ) {}

  async requestProfile(request: dataprep.RequestProfileRequest, ctx: RpcContext): Promise<dataprep.RequestProfileResponse> {
    return { profile: profileToProto(await this.request.execute(callerOf(ctx), request)) };
  }

  async getProfile(request: dataprep.GetProfileRequest, ctx: RpcContext): Promise<dataprep.GetProfileResponse> {
    return { profile: profileToProto(await this.get.execute(callerOf(ctx), request.id)) };
  }

  async listProfiles(request: dataprep.ListProfilesRequest, ctx: RpcContext): Promise<dataprep.ListProfilesResponse> {
    const page = await this.list.execute(callerOf(ctx), request);
    return { profiles: page.items.map(profileToProto), nextPageToken: page.nextPageToken };
  }
}
