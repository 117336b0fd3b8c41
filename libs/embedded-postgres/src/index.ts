// SPDX-License-Identifier: Apache-2.0
export { startEmbeddedPostgres } from './server';
export type { EmbeddedPostgres, EmbeddedPostgresOptions, StopOptions } from './server';
export { embeddedPostgresData, removeEmbeddedPostgres } from './layout';
export { locateBinaries } from './binaries';
export type { PostgresBinaries } from './binaries';
