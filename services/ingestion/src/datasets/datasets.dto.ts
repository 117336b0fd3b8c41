// SPDX-License-Identifier: Apache-2.0
import { IsDateString, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { IsTextMap } from '#libs/http';
import { DESCRIPTION_CHARACTERS_MAX } from './dataset';

export class PageQuery {
  @IsOptional()
  @IsInt()
  @Min(0)
  pageSize?: number;

  @IsOptional()
  @IsString()
  pageToken?: string;
}

export class CreateDatasetBody {
  @IsString()
  name: string;

  @IsOptional()
  @IsString()
  @MaxLength(DESCRIPTION_CHARACTERS_MAX)
  description?: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

export class UploadQuery {
  @IsString()
  format: string;

  @IsOptional()
  @IsString()
  requestId?: string;

  @IsOptional()
  @IsString()
  sha256?: string;

  /** `a:string,b:number`: columns that every row must have. */
  @IsOptional()
  @IsString()
  columns?: string;

  @IsOptional()
  @IsString()
  producedBy?: string;
}

export class TagsBody {
  @IsTextMap()
  tags: Record<string, string>;

  @IsOptional()
  @IsString()
  etag?: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

export class DeleteBody {
  @IsString()
  reason: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

export class BuildFeedbackBody {
  @IsString()
  dataset: string;

  @IsString()
  modelName: string;

  @IsOptional()
  @IsIn(['accepted', 'retracted'])
  source?: 'accepted' | 'retracted';

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  rowsPerRaterMax?: number;

  @IsOptional()
  @IsDateString()
  sinceTime?: string;

  @IsOptional()
  @IsString()
  reason?: string;

  @IsOptional()
  @IsTextMap()
  tags?: Record<string, string>;

  @IsOptional()
  @IsString()
  requestId?: string;
}
