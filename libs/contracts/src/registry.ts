// SPDX-License-Identifier: Apache-2.0
export * from './gen/millrace/registry/v1/experiment_service';
export * from './gen/millrace/registry/v1/registry_events';
export * from './gen/millrace/registry/v1/registry_service';
