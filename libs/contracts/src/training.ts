// SPDX-License-Identifier: Apache-2.0
export * from './gen/millrace/training/v1/training_events';
export * from './gen/millrace/training/v1/training_service';
