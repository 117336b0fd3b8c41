// SPDX-License-Identifier: Apache-2.0
import { IsInt, IsOptional, IsString, Max, Min, MinLength } from 'class-validator';
import { IsTextMap } from '#libs/http';

export class PageQuery {
  @IsOptional()
  @IsInt()
  @Min(0)
  pageSize?: number;

  @IsOptional()
  @IsString()
  pageToken?: string;
}

export class LedgerQuery extends PageQuery {
  @IsOptional()
  @IsString()
  row_id?: string;

  @IsOptional()
  @IsString()
  rowId?: string;
}

export class GetRecipeQuery {
  /** 0 = newest. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  version?: number;
}

export class CreateRecipeBody {
  @IsString()
  @MinLength(1)
  name: string;

  /** YAML. */
  @IsString()
  text: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

class RecipeReferenceBody {
  /** YAML; or give recipeName. */
  @IsOptional()
  @IsString()
  recipeText?: string;

  @IsOptional()
  @IsString()
  recipeName?: string;

  /** Id, "<dataset>/<number>" or "<dataset>/latest". */
  @IsString()
  @MinLength(1)
  inputVersion: string;
}

export class PreviewRecipeBody extends RecipeReferenceBody {
  @IsOptional()
  @IsInt()
  @Min(0)
  rowsMax?: number;
}

export class StartRecipeRunBody extends RecipeReferenceBody {
  @IsString()
  @MinLength(1)
  outputDataset: string;

  @IsOptional()
  @IsTextMap()
  tags?: Record<string, string>;

  @IsOptional()
  @IsString()
  requestId?: string;
}

export class CancelBody {
  @IsOptional()
  @IsString()
  requestId?: string;
}
