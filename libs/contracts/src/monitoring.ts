// SPDX-License-Identifier: Apache-2.0
export * from './gen/millrace/monitoring/v1/monitoring_events';
export * from './gen/millrace/monitoring/v1/monitoring_service';
