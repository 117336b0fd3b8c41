// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { Database, UnitOfWork } from '#libs/persistence';

/** What the background work on proposals stands on. */
@Injectable()
export class ProposalInfrastructure {
  constructor(
    readonly database: Database,
    readonly unitOfWork: UnitOfWork,
    readonly clock: Clock,
    readonly ids: Ids,
  ) {}
}
