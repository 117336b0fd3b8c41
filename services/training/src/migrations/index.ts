// SPDX-License-Identifier: Apache-2.0
import { CreateJobs1795462200000 } from './1795462200000-create-jobs';
import { CreateJobHistory1795462250000 } from './1795462250000-create-job-history';
import { CreatePipelines1795462300000 } from './1795462300000-create-pipelines';
import { IndexMadeModels1795990000000 } from './1795990000000-index-made-models';

/** Migrations of training's own tables, in order; the libraries add theirs. */
export const migrations = [
  CreateJobs1795462200000,
  CreateJobHistory1795462250000,
  CreatePipelines1795462300000,
  IndexMadeModels1795990000000,
];
