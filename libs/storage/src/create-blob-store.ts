// SPDX-License-Identifier: Apache-2.0
import { createRequire } from 'node:module';
import type { BlobStore } from './blob-store';
import { FolderBlobStore } from './folder-blob-store';
import type { S3Options } from './s3-blob-store';

// Loaded on first use: the AWS client costs each process 0.3 s of start and 40 MB that the folder store does not need.
const loadLazily = createRequire(__filename);

export interface BlobStoreOptions {
  s3Endpoint?: string;
  s3Region?: string;
  s3Credentials?: S3Options['credentials'];
}

/** A store from a URL: file:///folder (file://./folder is relative to the working directory) or s3://bucket/prefix. */
export function createBlobStore(url: string, options: BlobStoreOptions = {}): BlobStore {
  if (url.startsWith('file://')) {
    const path = decodeURIComponent(url.slice('file://'.length));
    if (path === '' || path.includes('\0')) throw new TypeError(`storage URL ${JSON.stringify(url)} names no folder`);
    return new FolderBlobStore(path);
  }
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/*$/.exec(url);
  if (!match) throw new TypeError(`storage URL ${JSON.stringify(url)} is neither file:///folder nor s3://bucket/prefix`);
  const { S3BlobStore } = loadLazily('./s3-blob-store') as typeof import('./s3-blob-store');
  return new S3BlobStore({
    bucket: match[1],
    prefix: match[2] ?? '',
    region: options.s3Region ?? 'us-east-1',
    ...(options.s3Endpoint ? { endpoint: options.s3Endpoint } : {}),
    ...(options.s3Credentials ? { credentials: options.s3Credentials } : {}),
  });
}
