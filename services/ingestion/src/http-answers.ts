// SPDX-License-Identifier: Apache-2.0
import { protoSchema, schema } from '#libs/http';

const { anyObject, entity, int64, integer, object, optional, page, text } = schema;

export const DATASET = entity('Dataset', protoSchema('millrace.ingestion.v1.Dataset'));
export const DATASETS = page(DATASET);
export const VERSION = entity('DatasetVersion', protoSchema('millrace.ingestion.v1.DatasetVersion'));
export const VERSIONS = page(VERSION);
export const UPLOADS = page(entity('Upload', protoSchema('millrace.ingestion.v1.Upload')));
/** The row travels as text, so that its 64-bit integers keep all their digits. */
export const ROWS = page(
  entity('Row', object({ json: text, rowId: optional(text), line: optional({ anyOf: [integer, int64] }) })),
);
export const QUARANTINE = page(entity('QuarantinedLine', anyObject));
export const FEEDBACK_DATASET = object({ version: VERSION, leftOut: {} });
