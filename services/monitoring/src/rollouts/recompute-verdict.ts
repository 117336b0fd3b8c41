// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Database } from '#libs/persistence';
import { decideVerdict, type VerdictResult } from '../verdicts/rollout-verdict';
import { digestOf } from './digest-verdict';
import { RolloutsRepository } from './rollouts.repository';

export interface Recomputation {
  /** Outcome, reasons and statistics are the same, and the input still has its digest. */
  same: boolean;
  result: VerdictResult;
}

/** Decides a verdict again from its stored input: anybody can check that the figures lead to the decision. */
@Injectable()
export class RecomputeVerdict {
  constructor(
    private readonly rollouts: RolloutsRepository,
    private readonly db: Database,
  ) {}

  async execute(workspace: string, id: string): Promise<Recomputation> {
    const verdict = await this.rollouts.findVerdict(this.db, workspace, id);
    if (!verdict) throw notFound('verdict', id);
    const { input, inputDigest, result } = verdict.evidence;
    const again = decideVerdict(input);
    const same = digestOf(again) === digestOf(result) && digestOf(input) === inputDigest;
    return { same, result: again };
  }
}
