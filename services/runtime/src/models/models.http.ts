// SPDX-License-Identifier: Apache-2.0
import { Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common';
import { ArrayMaxSize, IsArray, IsOptional, IsString, Matches } from 'class-validator';
import { Answers, Ctx, type RequestContext, Requires, ValidBody } from '#libs/http';
import { invalidFields } from '#libs/errors';
import { MODEL, MODELS } from '../http-answers';
import { LoadModel } from './load-model';
import { assertMayManage, mayUse } from './model-access';
import { ModelCatalogue, type ModelEntry } from './model-catalogue';
import { UnloadModel } from './unload-model';

// Printable, short, and free of what would need escaping in a log line; OpenAI's own ids hold ":" and "/".
const MODEL_ID = /^[\w.:/@-]{1,256}$/;

export class LoadModelBody {
  @Matches(/^[0-9a-f]{64}$/, { message: 'must be the sha256 of a model manifest in lowercase hex' })
  manifestDigest: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(16)
  @IsString({ each: true })
  @Matches(MODEL_ID, { each: true, message: 'must be 1 to 256 letters, digits or any of . : / @ - _' })
  aliases?: string[];
}

/** Management: which models this server answers for, each for the admins of its workspace. Model ids in the path are URL-encoded. */
@Controller('api/v1/models')
export class ModelsHttp {
  constructor(
    private readonly load: LoadModel,
    private readonly unload: UnloadModel,
    private readonly catalogue: ModelCatalogue,
  ) {}

  @Answers('Models and whether they are in memory', MODELS)
  @Get()
  list(@Ctx() { principal }: RequestContext): { items: object[]; nextPageToken: string } {
    const entries = this.catalogue.list().filter(({ id }) => mayUse(principal, id));
    return { items: entries.map((entry) => this.view(entry)), nextPageToken: '' };
  }

  @Answers('Load a model under an id', MODEL, { path: { id: { type: 'string', pattern: MODEL_ID.source } } })
  @Put(':id')
  @Requires('admin')
  async put(
    @Param('id') id: string,
    @ValidBody(LoadModelBody) body: LoadModelBody,
    @Ctx() { principal }: RequestContext,
  ): Promise<object> {
    if (!MODEL_ID.test(id))
      throw invalidFields({ field: 'id', message: 'must be 1 to 256 letters, digits or any of . : / @ - _' });
    const { manifestDigest, aliases = [] } = body;
    assertMayManage(principal, [id, ...aliases]);
    return this.view(await this.load.execute({ id, manifestDigest, aliases }));
  }

  @Answers('Unload a model')
  @Delete(':id')
  @HttpCode(204)
  @Requires('admin')
  async delete(@Param('id') id: string, @Ctx() { principal }: RequestContext): Promise<void> {
    assertMayManage(principal, [id]);
    await this.unload.execute(id);
  }

  private view(entry: ModelEntry): object {
    const { id, manifestDigest, aliases, createTime } = entry;
    return { id, manifestDigest, aliases, createTime, isResident: this.catalogue.isResident(manifestDigest) };
  }
}
