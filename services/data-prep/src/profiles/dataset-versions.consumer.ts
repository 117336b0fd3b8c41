// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventConsumer, on } from '#libs/messaging';
import { RequestProfile } from './request-profile';

/** Every committed dataset version gets a profile. */
@Injectable()
export class DatasetVersionsConsumer extends EventConsumer {
  readonly group = 'data-prep.profiles';

  constructor(private readonly request: RequestProfile) {
    super();
  }

  readonly handlers = [
    on(Events.DatasetVersionCommitted, async ({ workspace, data }, tx) => {
      await this.request.enqueue(tx, workspace, { id: data.versionId, datasetName: data.datasetName, version: data.version });
    }),
  ];
}
