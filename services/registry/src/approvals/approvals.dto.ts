// SPDX-License-Identifier: Apache-2.0
import { IsBoolean, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { PageQuery } from '../models/models.dto';
import type { ApprovalState } from './approval';

const STATES: ApprovalState[] = ['PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED'];

export class ApprovalsQuery extends PageQuery {
  @IsOptional()
  @IsString()
  modelName?: string;

  @IsOptional()
  @IsIn(STATES)
  state?: ApprovalState;
}

export class DecisionBody {
  /** True = yes. */
  @IsBoolean()
  approve: boolean;

  @IsOptional()
  @IsString()
  @MaxLength(4000)
  comment?: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}
