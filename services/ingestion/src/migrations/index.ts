// SPDX-License-Identifier: Apache-2.0
import { CreateDatasets1795462000000 } from './1795462000000-create-datasets';
import { CreateFeedback1795462100000 } from './1795462100000-create-feedback';

/** Migrations of ingestion, in order. */
export const migrations = [CreateDatasets1795462000000, CreateFeedback1795462100000];
