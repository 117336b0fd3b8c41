// SPDX-License-Identifier: Apache-2.0
export * from './gen/millrace/ingestion/v1/ingestion_events';
export * from './gen/millrace/ingestion/v1/ingestion_service';
