// SPDX-License-Identifier: Apache-2.0
export * from './gen/millrace/dataprep/v1/dataprep_events';
export * from './gen/millrace/dataprep/v1/dataprep_service';
