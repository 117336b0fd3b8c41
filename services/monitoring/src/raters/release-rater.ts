// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields, notFound } from '#libs/errors';
import { UnitOfWork } from '#libs/persistence';
import { MonitoringErrors } from '../monitoring.errors';
import { RatersRepository, type Rater } from './raters.repository';

/** A person lifts a quarantine. What was retracted stays retracted; new feedback of the rater counts again. */
@Injectable()
export class ReleaseRater {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly raters: RatersRepository,
  ) {}

  async execute(input: { workspace: string; raterHash: string; reason: string; actor: string }): Promise<Rater> {
    if (input.reason.trim() === '') throw invalidFields({ field: 'reason', message: 'is missing' });
    return this.unitOfWork.run(async (tx) => {
      const rater = await this.raters.lock(tx, input.workspace, input.raterHash);
      if (!rater) throw notFound('rater', input.raterHash);
      if (rater.state !== 'quarantined') {
        throw MonitoringErrors.RATER_NOT_QUARANTINED(`rater ${input.raterHash} is ${rater.state}`, { state: rater.state });
      }
      const released: Rater = { ...rater, state: 'trusted', reason: `released by ${input.actor}: ${input.reason}` };
      await this.raters.save(tx, released, 0);
      return released;
    });
  }
}
