// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, Header } from '@nestjs/common';
import { Answers, Ctx, type RequestContext, schema } from '#libs/http';
import { FindApprovals } from '../approvals/find-approvals';
import { ListAudit } from '../audit/list-audit';
import { BrowseModels } from '../models/browse-models';
import { renderRegistryPage } from './registry-page';

const MODELS = 20;
const VERSIONS = 10;
const APPROVALS = 50;
const AUDIT_ENTRIES = 40;

/** The page for people, at the registry's address. */
@Controller()
export class PagesHttp {
  constructor(
    private readonly browse: BrowseModels,
    private readonly approvals: FindApprovals,
    private readonly audit: ListAudit,
  ) {}

  @Answers('Models, approvals and audit for people', schema.text, { contentType: 'text/html' })
  @Get(['/', 'ui'])
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
  @Header('x-content-type-options', 'nosniff')
  async page(@Ctx() { workspace }: RequestContext): Promise<string> {
    const found = await this.browse.models(workspace, { pageSize: MODELS });
    const models = await Promise.all(
      found.models.map(async (model) => {
        const { versions, nextPageToken } = await this.browse.versions(workspace, model.name, { pageSize: VERSIONS });
        return { model, versions, more: nextPageToken !== '' };
      }),
    );
    const pending = await this.approvals.execute(workspace, { modelName: '', state: 'PENDING', limit: APPROVALS, pageToken: '' });
    const audit = await this.audit.tail(workspace, AUDIT_ENTRIES);
    return renderRegistryPage({
      workspace,
      models,
      moreModels: found.nextPageToken !== '',
      approvals: pending.approvals,
      audit,
    });
  }
}
