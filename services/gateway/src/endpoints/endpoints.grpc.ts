// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { gateway } from '#libs/contracts';
import { RpcController, type RpcContext } from '#libs/rpc';
import type { Deployment, DeploymentState } from '../deployments/deployment';
import { ReadDeployments } from '../deployments/read-deployments';
import { DEFAULT_RULES, type RolloutRules } from '../rollouts/rollout-rules';
import { toPolicy, toServedVersion } from '../rollouts/rollouts.events';
import { CreateEndpoint } from './create-endpoint';
import { DeleteEndpoint } from './delete-endpoint';
import { CAPTURE_BYTES_DEFAULT, endpointState, modelUri, TIMEOUT_SECONDS_DEFAULT, type Endpoint } from './endpoint';
import { ReadEndpoints } from './read-endpoints';
import { UpdateEndpoint } from './update-endpoint';

/** Endpoints over gRPC. */
@Injectable()
@RpcController(gateway.EndpointServiceService)
export class EndpointsGrpc {
  constructor(
    private readonly create: CreateEndpoint,
    private readonly update: UpdateEndpoint,
    private readonly remove: DeleteEndpoint,
    private readonly endpoints: ReadEndpoints,
    private readonly deployments: ReadDeployments,
  ) {}

  async createEndpoint(request: gateway.CreateEndpointRequest, ctx: RpcContext): Promise<gateway.CreateEndpointResponse> {
    const endpoint = await this.create.execute({
      workspace: ctx.workspace,
      name: request.name,
      modelUri: request.modelUri,
      backendUrl: request.backendUrl,
      captureBytesMax: request.captureBytesMax ?? CAPTURE_BYTES_DEFAULT,
      timeoutSeconds: request.timeoutSeconds === 0 ? TIMEOUT_SECONDS_DEFAULT : request.timeoutSeconds,
      rules: fromPolicy(request.rolloutPolicy) ?? DEFAULT_RULES,
      requestId: request.requestId,
    });
    return { endpoint: toMessage(endpoint) };
  }

  async getEndpoint(request: gateway.GetEndpointRequest, ctx: RpcContext): Promise<gateway.GetEndpointResponse> {
    return { endpoint: toMessage(await this.endpoints.execute(ctx.workspace, request.name)) };
  }

  async listEndpoints(request: gateway.ListEndpointsRequest, ctx: RpcContext): Promise<gateway.ListEndpointsResponse> {
    const { endpoints, nextPageToken } = await this.endpoints.list(ctx.workspace, request);
    return { endpoints: endpoints.map(toMessage), nextPageToken };
  }

  async updateEndpoint(request: gateway.UpdateEndpointRequest, ctx: RpcContext): Promise<gateway.UpdateEndpointResponse> {
    const { name, captureBytesMax, timeoutSeconds, etag, requestId } = request;
    const rules = fromPolicy(request.rolloutPolicy);
    const { workspace } = ctx;
    const input = { workspace, name, captureBytesMax, timeoutSeconds, rules, etag, requestId };
    return { endpoint: toMessage(await this.update.execute(input)) };
  }

  async deleteEndpoint(request: gateway.DeleteEndpointRequest, ctx: RpcContext): Promise<gateway.DeleteEndpointResponse> {
    const { name, etag, requestId } = request;
    await this.remove.execute({ workspace: ctx.workspace, name, etag, requestId, actor: ctx.principal.subject });
    return {};
  }

  async listDeployments(request: gateway.ListDeploymentsRequest, ctx: RpcContext): Promise<gateway.ListDeploymentsResponse> {
    const { deployments, nextPageToken } = await this.deployments.execute(ctx.workspace, request);
    return { deployments: deployments.map(toDeploymentMessage), nextPageToken };
  }
}

// Absent parts and zeros mean "the default": proto3 cannot tell zero from absent.
function fromPolicy(policy: gateway.EndpointRolloutPolicy | undefined): RolloutRules | undefined {
  if (!policy) return undefined;
  const given = Object.fromEntries(
    Object.entries(policy.judgement ?? {}).filter(([name, value]) => name !== 'margin' && value !== 0 && value !== ''),
  );
  const margin = policy.judgement ? policy.judgement.margin : DEFAULT_RULES.judgement.margin;
  return {
    steps: policy.steps.length > 0 ? policy.steps : DEFAULT_RULES.steps,
    judgement: { ...DEFAULT_RULES.judgement, ...given, margin },
  };
}

const STATES = {
  waiting: gateway.EndpointState.ENDPOINT_STATE_WAITING,
  deploying: gateway.EndpointState.ENDPOINT_STATE_DEPLOYING,
  serving: gateway.EndpointState.ENDPOINT_STATE_SERVING,
  'rolling-out': gateway.EndpointState.ENDPOINT_STATE_ROLLING_OUT,
} as const;

function toMessage(endpoint: Endpoint): gateway.Endpoint {
  return {
    name: endpoint.name,
    modelUri: modelUri(endpoint),
    backendUrl: endpoint.backendUrl,
    captureBytesMax: endpoint.captureBytesMax,
    rolloutPolicy: { steps: endpoint.rules.steps, judgement: toPolicy(endpoint.rules.judgement) },
    timeoutSeconds: endpoint.timeoutSeconds,
    state: STATES[endpointState(endpoint)],
    serving: endpoint.serving && toServedVersion(endpoint.modelName, endpoint.serving),
    pending: endpoint.pending && toServedVersion(endpoint.modelName, endpoint.pending),
    rolloutId: endpoint.rolloutId ?? '',
    problem: endpoint.problem,
    etag: String(endpoint.revision),
    createTime: endpoint.createTime,
    updateTime: endpoint.updateTime,
  };
}

const DEPLOYMENT_STATES: Record<DeploymentState, gateway.DeploymentState> = {
  pending: gateway.DeploymentState.DEPLOYMENT_STATE_PENDING,
  loading: gateway.DeploymentState.DEPLOYMENT_STATE_LOADING,
  ready: gateway.DeploymentState.DEPLOYMENT_STATE_READY,
  failed: gateway.DeploymentState.DEPLOYMENT_STATE_FAILED,
  draining: gateway.DeploymentState.DEPLOYMENT_STATE_DRAINING,
  unloaded: gateway.DeploymentState.DEPLOYMENT_STATE_UNLOADED,
};

function toDeploymentMessage(deployment: Deployment): gateway.Deployment {
  const { id, backendUrl, modelName, attempts, problem, createTime, updateTime } = deployment;
  const state = DEPLOYMENT_STATES[deployment.state];
  return { id, backendUrl, version: toServedVersion(modelName, deployment), state, attempts, problem, createTime, updateTime };
}
