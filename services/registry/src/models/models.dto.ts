// SPDX-License-Identifier: Apache-2.0
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

/** Paging of a list. */
export class PageQuery {
  /** 1 to 1,000; 50 when absent. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1000)
  pageSize?: number;

  @IsOptional()
  @IsString()
  @MaxLength(2000)
  pageToken?: string;
}

export class CreateModelBody {
  @IsString()
  @MaxLength(250)
  name: string;

  @IsOptional()
  @IsString()
  @MaxLength(5000)
  description?: string;

  /** Repeating the same id within 24 h gives the first answer. */
  @IsOptional()
  @IsString()
  requestId?: string;
}
