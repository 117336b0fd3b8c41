// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Database, pageSize } from '#libs/persistence';
import type { Endpoint } from './endpoint';
import { EndpointsRepository, type EndpointPage } from './endpoints.repository';

/** Reads endpoints of one workspace. */
@Injectable()
export class ReadEndpoints {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly database: Database,
  ) {}

  /** Throws COMMON.NOT_FOUND. */
  async execute(workspace: string, name: string): Promise<Endpoint> {
    const endpoint = await this.endpoints.find(this.database, workspace, name);
    if (!endpoint) throw notFound('endpoint', name);
    return endpoint;
  }

  list(workspace: string, page: { pageSize?: number; pageToken?: string }): Promise<EndpointPage> {
    return this.endpoints.list(this.database, workspace, { size: pageSize(page.pageSize), token: page.pageToken ?? '' });
  }
}
