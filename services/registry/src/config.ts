// SPDX-License-Identifier: Apache-2.0
import { Setting, ServiceSettings } from '#libs/config';
import { IsInt, Max, Min } from 'class-validator';

/** Settings of the registry beside those of every service. */
export class RegistrySettings extends ServiceSettings {
  @Setting({ doc: 'Days until a pending approval expires.', default: 7 })
  @IsInt()
  @Min(1)
  @Max(90)
  approvalDaysMax: number;

  @Setting({ doc: 'Seconds between two looks for approvals that expired.', default: 30 })
  @IsInt()
  @Min(1)
  @Max(3600)
  approvalSweepSeconds: number;

  @Setting({ doc: 'Largest body of an MLflow log-batch request, in bytes (the stock server has 1,000,000).', default: 1_000_000 })
  @IsInt()
  @Min(1000)
  logBatchBytesMax: number;
}
