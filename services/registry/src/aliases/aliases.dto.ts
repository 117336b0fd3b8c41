// SPDX-License-Identifier: Apache-2.0
import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsISO8601,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

export class EvidenceRuleBody {
  @IsString()
  @MaxLength(200)
  slice: string;

  @IsString()
  @MaxLength(200)
  metric: string;

  /** Lowest value; 0 = none. */
  @IsOptional()
  @IsNumber()
  valueMin?: number;

  /** Largest drop against the version that the alias points to; absent or negative = none. */
  @IsOptional()
  @IsNumber()
  dropMax?: number;
}

export class AliasPolicyBody {
  /** People who must say yes, beside who asks; 0 = nobody. */
  @IsInt()
  @Min(0)
  @Max(20)
  approvalsRequired: number;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => EvidenceRuleBody)
  evidence?: EvidenceRuleBody[];

  @IsOptional()
  @IsString()
  requestId?: string;
}

export class AliasMoveBody {
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  version: number;

  @IsString()
  @MaxLength(4000)
  reason: string;

  /** Go on although evidence is missing or bad; needs role approver. */
  @IsOptional()
  @IsBoolean()
  force?: boolean;

  @IsOptional()
  @IsString()
  pipelineRunId?: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

export class AliasHistoryQuery {
  /** Only the interval that held at this time. */
  @IsOptional()
  @IsISO8601({ strict: true })
  at?: string;
}
