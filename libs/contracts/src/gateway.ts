// SPDX-License-Identifier: Apache-2.0
export * from './gen/millrace/gateway/v1/gateway_events';
export * from './gen/millrace/gateway/v1/gateway_service';
