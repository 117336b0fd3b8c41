// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Requires } from '#libs/auth';
import { gateway } from '#libs/contracts';
import { RpcController, type RpcContext } from '#libs/rpc';
import { EndRollout } from './end-rollout';
import { ReadRollouts } from './read-rollouts';
import { candidatePercent, type Rollout, type RolloutState } from './rollout';
import { toPolicy, toServedVersion } from './rollouts.events';

/** Rollouts over gRPC. */
@Injectable()
@RpcController(gateway.RolloutServiceService)
export class RolloutsGrpc {
  constructor(
    private readonly readRollouts: ReadRollouts,
    private readonly endRollout: EndRollout,
  ) {}

  async getRollout(request: gateway.GetRolloutRequest, ctx: RpcContext): Promise<gateway.GetRolloutResponse> {
    return { rollout: toMessage(await this.readRollouts.execute(ctx.workspace, request.id)) };
  }

  async listRollouts(request: gateway.ListRolloutsRequest, ctx: RpcContext): Promise<gateway.ListRolloutsResponse> {
    const { rollouts, nextPageToken } = await this.readRollouts.list(ctx.workspace, request);
    return { rollouts: rollouts.map(toMessage), nextPageToken };
  }

  @Requires('approver')
  async promoteRollout(request: gateway.PromoteRolloutRequest, ctx: RpcContext): Promise<gateway.PromoteRolloutResponse> {
    return { rollout: toMessage(await this.end(request, ctx, 'promote')) };
  }

  @Requires('approver')
  async rollBackRollout(request: gateway.RollBackRolloutRequest, ctx: RpcContext): Promise<gateway.RollBackRolloutResponse> {
    return { rollout: toMessage(await this.end(request, ctx, 'roll-back')) };
  }

  private end(
    request: { id: string; reason: string; requestId: string },
    ctx: RpcContext,
    action: 'promote' | 'roll-back',
  ): Promise<Rollout> {
    const { id, reason, requestId } = request;
    const { workspace, principal } = ctx;
    return this.endRollout.execute({ workspace, id, action, reason, requestId, actor: principal.subject });
  }
}

const STATES: Record<RolloutState, gateway.RolloutState> = {
  running: gateway.RolloutState.ROLLOUT_STATE_RUNNING,
  promoted: gateway.RolloutState.ROLLOUT_STATE_PROMOTED,
  'rolled-back': gateway.RolloutState.ROLLOUT_STATE_ROLLED_BACK,
  superseded: gateway.RolloutState.ROLLOUT_STATE_SUPERSEDED,
};

function toMessage(rollout: Rollout): gateway.Rollout {
  const { id, endpoint, alias, modelName, steps, step, verdictId, actor, reason, startTime, endTime } = rollout;
  return {
    ...{ id, endpoint, alias, steps, step, verdictId, actor, reason, startTime, endTime },
    state: STATES[rollout.state],
    control: toServedVersion(modelName, rollout.control),
    candidate: toServedVersion(modelName, rollout.candidate),
    candidatePercent: candidatePercent(rollout),
    policy: toPolicy(rollout.judgement),
  };
}
