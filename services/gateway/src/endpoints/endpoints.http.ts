// SPDX-License-Identifier: Apache-2.0
import { Controller, Delete, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { Answers, Ctx, ValidBody, ValidQuery, type RequestContext } from '#libs/http';
import { ENDPOINT, ENDPOINTS } from '../http-answers';
import { DEFAULT_RULES, type RolloutRules } from '../rollouts/rollout-rules';
import { CreateEndpoint } from './create-endpoint';
import { DeleteEndpoint } from './delete-endpoint';
import { CAPTURE_BYTES_DEFAULT, endpointState, modelUri, TIMEOUT_SECONDS_DEFAULT, type Endpoint, type Version } from './endpoint';
import { ReadEndpoints } from './read-endpoints';
import { UpdateEndpoint } from './update-endpoint';

export class RolloutPolicyBody {
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(20)
  @IsNumber({}, { each: true })
  steps?: number[];

  @IsOptional()
  @IsString()
  metric?: string;

  @IsOptional()
  @IsNumber()
  margin?: number;

  @IsOptional()
  @IsNumber()
  alpha?: number;

  @IsOptional()
  @IsInt()
  looks?: number;

  @IsOptional()
  @IsInt()
  requestsPerArmMax?: number;

  @IsOptional()
  @IsNumber()
  harmAlpha?: number;
}

export class UpdateEndpointBody {
  @IsOptional()
  @IsInt()
  captureBytesMax?: number;

  @IsOptional()
  @IsInt()
  timeoutSeconds?: number;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => RolloutPolicyBody)
  rolloutPolicy?: RolloutPolicyBody;

  @IsOptional()
  @IsString()
  etag?: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

export class CreateEndpointBody {
  @IsString()
  name: string;

  @IsString()
  @MaxLength(400)
  modelUri: string;

  @IsOptional()
  @IsString()
  @MaxLength(1000)
  backendUrl?: string;

  @IsOptional()
  @IsInt()
  captureBytesMax?: number;

  @IsOptional()
  @IsInt()
  timeoutSeconds?: number;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => RolloutPolicyBody)
  rolloutPolicy?: RolloutPolicyBody;

  @IsOptional()
  @IsString()
  requestId?: string;
}

export class ListQuery {
  @IsOptional()
  @IsInt()
  @Min(0)
  pageSize?: number;

  @IsOptional()
  @IsString()
  pageToken?: string;
}

export class EtagQuery {
  @IsOptional()
  @IsString()
  etag?: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

/** Endpoints over HTTP. */
@Controller('/api/v1/endpoints')
export class EndpointsHttp {
  constructor(
    private readonly createEndpoint: CreateEndpoint,
    private readonly updateEndpoint: UpdateEndpoint,
    private readonly deleteEndpoint: DeleteEndpoint,
    private readonly readEndpoints: ReadEndpoints,
  ) {}

  @Answers('Serve an alias of a model under a name', ENDPOINT)
  @Post()
  async create(@Ctx() ctx: RequestContext, @ValidBody(CreateEndpointBody) body: CreateEndpointBody): Promise<unknown> {
    const endpoint = await this.createEndpoint.execute({
      workspace: ctx.workspace,
      name: body.name,
      modelUri: body.modelUri,
      backendUrl: body.backendUrl ?? '',
      captureBytesMax: body.captureBytesMax ?? CAPTURE_BYTES_DEFAULT,
      timeoutSeconds: body.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT,
      rules: toRules(body.rolloutPolicy, DEFAULT_RULES),
      requestId: body.requestId,
    });
    return viewEndpoint(endpoint);
  }

  @Answers('Endpoints by name', ENDPOINTS)
  @Get()
  async list(@Ctx() ctx: RequestContext, @ValidQuery(ListQuery) query: ListQuery): Promise<unknown> {
    const page = await this.readEndpoints.list(ctx.workspace, query);
    return { items: page.endpoints.map(viewEndpoint), nextPageToken: page.nextPageToken };
  }

  @Answers('One endpoint', ENDPOINT)
  @Get(':name')
  async get(@Ctx() ctx: RequestContext, @Param('name') name: string): Promise<unknown> {
    return viewEndpoint(await this.readEndpoints.execute(ctx.workspace, name));
  }

  @Answers('Change an endpoint', ENDPOINT)
  @Patch(':name')
  async update(
    @Ctx() ctx: RequestContext,
    @Param('name') name: string,
    @ValidBody(UpdateEndpointBody) body: UpdateEndpointBody,
  ): Promise<unknown> {
    const { workspace } = ctx;
    const rules = body.rolloutPolicy && toRules(body.rolloutPolicy, (await this.readEndpoints.execute(workspace, name)).rules);
    const { captureBytesMax, timeoutSeconds, etag, requestId } = body;
    const input = { workspace, name, captureBytesMax, timeoutSeconds, rules, etag, requestId };
    return viewEndpoint(await this.updateEndpoint.execute(input));
  }

  @Answers('Stop serving an endpoint')
  @Delete(':name')
  @HttpCode(204)
  async delete(@Ctx() ctx: RequestContext, @Param('name') name: string, @ValidQuery(EtagQuery) query: EtagQuery): Promise<void> {
    const { workspace, principal } = ctx;
    await this.deleteEndpoint.execute({ workspace, name, ...query, actor: principal.subject });
  }
}

/** The policy with what the caller left out taken from `base`. */
export function toRules(body: RolloutPolicyBody | undefined, base: RolloutRules): RolloutRules {
  if (!body) return base;
  const { steps, ...judgement } = body;
  const given = Object.fromEntries(Object.entries(judgement).filter(([, value]) => value !== undefined));
  return { steps: steps ?? base.steps, judgement: { ...base.judgement, ...given } };
}

/** An endpoint as JSON. */
export function viewEndpoint(endpoint: Endpoint): Record<string, unknown> {
  const served = (version: Version | undefined): unknown =>
    version ? { modelName: endpoint.modelName, version: version.version, modelManifestDigest: version.manifestDigest } : null;
  return {
    name: endpoint.name,
    modelUri: modelUri(endpoint),
    backendUrl: endpoint.backendUrl,
    captureBytesMax: endpoint.captureBytesMax,
    rolloutPolicy: { steps: endpoint.rules.steps, ...endpoint.rules.judgement },
    timeoutSeconds: endpoint.timeoutSeconds,
    state: endpointState(endpoint),
    serving: served(endpoint.serving),
    pending: served(endpoint.pending),
    rolloutId: endpoint.rolloutId ?? '',
    problem: endpoint.problem,
    etag: String(endpoint.revision),
    createTime: endpoint.createTime,
    updateTime: endpoint.updateTime,
  };
}
