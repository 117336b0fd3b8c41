// SPDX-License-Identifier: Apache-2.0
import { CreateExperimentsAndRuns1795461000000 } from './1795461000000-create-experiments-and-runs';
import { CreateModels1795461100000 } from './1795461100000-create-models';
import { CreateAliasesAndApprovals1795461200000 } from './1795461200000-create-aliases-and-approvals';
import { CreateAudit1795461300000 } from './1795461300000-create-audit';
import { KeepNumbersOfRetiredNames1795461400000 } from './1795461400000-keep-numbers-of-retired-names';

export const migrations = [
  CreateExperimentsAndRuns1795461000000,
  CreateModels1795461100000,
  CreateAliasesAndApprovals1795461200000,
  CreateAudit1795461300000,
  KeepNumbersOfRetiredNames1795461400000,
];
