// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { hasRole } from '#libs/auth';
import { registry } from '#libs/contracts';
import { invalidFields } from '#libs/errors';
import { pageSize } from '#libs/persistence';
import { Requires, RpcController, type RpcContext } from '#libs/rpc';
import { SetAliasPolicy } from '../aliases/set-alias-policy';
import { approvalStateFromProto } from '../approvals/close-approvals';
import { DecideApproval } from '../approvals/decide-approval';
import { FindApprovals } from '../approvals/find-approvals';
import { RequestAliasMove } from '../approvals/request-alias-move';
import { ListAudit } from '../audit/list-audit';
import { VerifyAudit } from '../audit/verify-audit';
import type { Caller } from '../caller';
import { CreateRegisteredModel } from './create-registered-model';
import { BrowseModels } from './browse-models';
import { approvalToProto, auditEntryToProto, modelToProto, policyFromProto, versionToProto } from './models.mapping';

function callerOf(ctx: RpcContext): Caller {
  return { workspace: ctx.workspace, actor: ctx.principal.subject };
}

/** millrace.registry.v1.ModelService */
@Injectable()
@RpcController(registry.ModelServiceService)
export class ModelsGrpc {
  constructor(
    private readonly create: CreateRegisteredModel,
    private readonly browse: BrowseModels,
    private readonly policies: SetAliasPolicy,
    private readonly requestMove: RequestAliasMove,
    private readonly decide: DecideApproval,
    private readonly approvals: FindApprovals,
    private readonly audit: ListAudit,
    private readonly verify: VerifyAudit,
  ) {}

  async createRegisteredModel(
    request: registry.CreateRegisteredModelRequest,
    ctx: RpcContext,
  ): Promise<registry.CreateRegisteredModelResponse> {
    return { model: modelToProto(await this.create.execute(callerOf(ctx), request)) };
  }

  async getRegisteredModel(
    request: registry.GetRegisteredModelRequest,
    ctx: RpcContext,
  ): Promise<registry.GetRegisteredModelResponse> {
    return { model: modelToProto(await this.browse.model(ctx.workspace, request.name)) };
  }

  async listRegisteredModels(
    request: registry.ListRegisteredModelsRequest,
    ctx: RpcContext,
  ): Promise<registry.ListRegisteredModelsResponse> {
    const { models, nextPageToken } = await this.browse.models(ctx.workspace, request);
    return { models: models.map(modelToProto), nextPageToken };
  }

  @Requires('admin')
  async setAliasPolicy(request: registry.SetAliasPolicyRequest, ctx: RpcContext): Promise<registry.SetAliasPolicyResponse> {
    const { modelName, policy, requestId } = request;
    if (!policy) throw invalidFields({ field: 'policy', message: 'is required' });
    return { policy: await this.policies.execute(callerOf(ctx), { modelName, policy: policyFromProto(policy), requestId }) };
  }

  async getModelVersion(request: registry.GetModelVersionRequest, ctx: RpcContext): Promise<registry.GetModelVersionResponse> {
    return { version: versionToProto(await this.browse.version(ctx.workspace, request.modelName, request.version)) };
  }

  @Requires('viewer')
  async resolveAlias(request: registry.ResolveAliasRequest, ctx: RpcContext): Promise<registry.ResolveAliasResponse> {
    return { version: versionToProto(await this.browse.byAlias(ctx.workspace, request.modelName, request.alias)) };
  }

  async listModelVersions(
    request: registry.ListModelVersionsRequest,
    ctx: RpcContext,
  ): Promise<registry.ListModelVersionsResponse> {
    const { versions, nextPageToken } = await this.browse.versions(ctx.workspace, request.modelName, request);
    return { versions: versions.map(versionToProto), nextPageToken };
  }

  async requestAliasMove(request: registry.RequestAliasMoveRequest, ctx: RpcContext): Promise<registry.RequestAliasMoveResponse> {
    const mayForce = hasRole(ctx.principal, ctx.workspace, 'approver');
    const { moved, approval } = await this.requestMove.execute(callerOf(ctx), { ...request, mayForce });
    return { moved, approval: approval && approvalToProto(approval) };
  }

  @Requires('approver')
  async decideApproval(request: registry.DecideApprovalRequest, ctx: RpcContext): Promise<registry.DecideApprovalResponse> {
    return { approval: approvalToProto(await this.decide.execute(callerOf(ctx), request)) };
  }

  async getApproval(request: registry.GetApprovalRequest, ctx: RpcContext): Promise<registry.GetApprovalResponse> {
    return { approval: approvalToProto(await this.approvals.byId(ctx.workspace, request.approvalId)) };
  }

  async listApprovals(request: registry.ListApprovalsRequest, ctx: RpcContext): Promise<registry.ListApprovalsResponse> {
    const { modelName, pageToken } = request;
    const state = approvalStateFromProto(request.state);
    const page = await this.approvals.execute(ctx.workspace, { modelName, state, limit: pageSize(request.pageSize), pageToken });
    return { approvals: page.approvals.map(approvalToProto), nextPageToken: page.nextPageToken };
  }

  async listAuditEntries(request: registry.ListAuditEntriesRequest, ctx: RpcContext): Promise<registry.ListAuditEntriesResponse> {
    const { entries, nextPageToken } = await this.audit.execute(ctx.workspace, request);
    return { entries: entries.map(auditEntryToProto), nextPageToken };
  }

  @Requires('viewer')
  async verifyAudit(_request: registry.VerifyAuditRequest, ctx: RpcContext): Promise<registry.VerifyAuditResponse> {
    const { intact, entries, brokenSequence } = await this.verify.execute(ctx.workspace);
    return { intact, entries: String(entries), brokenSequence: String(brokenSequence) };
  }
}
