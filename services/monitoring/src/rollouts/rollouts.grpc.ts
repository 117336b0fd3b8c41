// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { monitoring } from '#libs/contracts';
import { notFound } from '#libs/errors';
import { Database } from '#libs/persistence';
import { Requires, RpcController, type RpcContext } from '#libs/rpc';
import { readPage } from '../page';
import { RecomputeVerdict } from './recompute-verdict';
import { RolloutsRepository, type Verdict } from './rollouts.repository';

@RpcController(monitoring.VerdictServiceService)
@Injectable()
export class RolloutsGrpc {
  constructor(
    private readonly rollouts: RolloutsRepository,
    private readonly recompute: RecomputeVerdict,
    private readonly db: Database,
  ) {}

  async getVerdict({ id }: monitoring.GetVerdictRequest, ctx: RpcContext): Promise<monitoring.GetVerdictResponse> {
    const found = await this.rollouts.findVerdict(this.db, ctx.workspace, id);
    if (!found) throw notFound('verdict', id);
    return { verdict: toVerdict(found) };
  }

  async listVerdicts(request: monitoring.ListVerdictsRequest, ctx: RpcContext): Promise<monitoring.ListVerdictsResponse> {
    const filter = { workspace: ctx.workspace, ...(request.rolloutId === '' ? {} : { rolloutId: request.rolloutId }) };
    const page = await readPage(request, filter, {
      name: 'verdicts',
      read: (before, size) => this.rollouts.verdicts(this.db, filter, { ...(before === undefined ? {} : { before }), size }),
      keyOf: (item) => item.id,
    });
    return { verdicts: page.items.map(toVerdict), nextPageToken: page.nextPageToken };
  }

  @Requires('viewer')
  async recomputeVerdict(
    { id }: monitoring.RecomputeVerdictRequest,
    ctx: RpcContext,
  ): Promise<monitoring.RecomputeVerdictResponse> {
    const { same, result } = await this.recompute.execute(ctx.workspace, id);
    return { same, resultJson: JSON.stringify(result) };
  }
}

function toVerdict(verdict: Verdict): monitoring.Verdict {
  const { workspace: _workspace, evidence, ...rest } = verdict;
  return { ...rest, evidenceJson: JSON.stringify(evidence) };
}
