// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { DeleteObjectCommand, GetObjectCommand, HeadBucketCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { assertDigest, type BlobSource, BlobStore, type StoredBlob } from './blob-store';
import { spool } from './spool';
import { StorageErrors, translateDisk } from './storage.errors';
import { verifyStream } from './verify-stream';

export interface S3Options {
  bucket: string;
  /** Put before each key, without a slash at the end. */
  prefix: string;
  region: string;
  /** Endpoint of an S3-compatible server; without it AWS. */
  endpoint?: string;
  /** Without them the SDK's own chain (AWS_* variables, profiles, roles). */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

const PART_BYTES = 8 * 1024 * 1024;

/**
 * Blobs in a bucket: <prefix>/objects/ab/cd/<sha256>. The digest is the key, so a source is spooled to a local temporary file
 * first (its length is bounded by that disk, memory by four parts) and uploaded in parts unless the key is there already.
 */
export class S3BlobStore extends BlobStore {
  private readonly client: S3Client;

  constructor(private readonly options: S3Options) {
    super();
    this.client = new S3Client({
      region: options.region,
      ...(options.endpoint ? { endpoint: options.endpoint, forcePathStyle: true } : {}),
      ...(options.credentials ? { credentials: options.credentials } : {}),
      maxAttempts: 4,
      requestHandler: { connectionTimeout: 2000, requestTimeout: 30_000 },
    });
  }

  async put(source: BlobSource): Promise<StoredBlob> {
    // A folder for each: one that is kept may be cleaned away, and one that could not be made would be missing for good.
    const folder = await mkdtemp(join(tmpdir(), 'millrace-s3-')).catch((error: unknown) => {
      throw translateDisk(error, 'the folder for temporary files cannot be used');
    });
    try {
      return await this.upload(source, join(folder, 'blob'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async open(sha256: string): Promise<Readable> {
    try {
      const answer = await this.client.send(new GetObjectCommand({ Bucket: this.options.bucket, Key: this.keyOf(sha256) }));
      const verified = verifyStream(sha256);
      return pipeline(answer.Body as Readable, verified, (error) => {
        if (error && !verified.destroyed) verified.destroy(error);
      });
    } catch (error) {
      throw translate(error, sha256);
    }
  }

  async size(sha256: string): Promise<number> {
    try {
      const head = await this.client.send(new HeadObjectCommand({ Bucket: this.options.bucket, Key: this.keyOf(sha256) }));
      return head.ContentLength ?? 0;
    } catch (error) {
      throw translate(error, sha256);
    }
  }

  async has(sha256: string): Promise<boolean> {
    try {
      await this.client.send(new HeadObjectCommand({ Bucket: this.options.bucket, Key: this.keyOf(sha256) }));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw translate(error, sha256);
    }
  }

  async delete(sha256: string): Promise<void> {
    try {
      await this.client.send(new DeleteObjectCommand({ Bucket: this.options.bucket, Key: this.keyOf(sha256) }));
    } catch (error) {
      throw translate(error, sha256);
    }
  }

  async check(): Promise<void> {
    try {
      await this.client.send(new HeadBucketCommand({ Bucket: this.options.bucket }));
    } catch (error) {
      throw StorageErrors.UNAVAILABLE(`bucket ${this.options.bucket} does not answer`, { bucket: this.options.bucket }, error);
    }
  }

  async close(): Promise<void> {
    this.client.destroy();
  }

  private async upload(source: BlobSource, path: string): Promise<StoredBlob> {
    const stored = await spool(source, path).catch((error: unknown) => {
      throw translateDisk(error, 'the folder for temporary files cannot be used');
    });
    try {
      if (await this.hasBytes(stored)) return stored;
      const body = createReadStream(path, { highWaterMark: 1024 * 1024 });
      const params = { Bucket: this.options.bucket, Key: this.keyOf(stored.sha256), Body: body, ContentLength: stored.bytes };
      await new Upload({ client: this.client, params, partSize: PART_BYTES, queueSize: 4, leavePartsOnError: false }).done();
      return stored;
    } catch (error) {
      throw translate(error, stored.sha256);
    }
  }

  private async hasBytes(stored: StoredBlob): Promise<boolean> {
    return (await this.has(stored.sha256)) && (await this.size(stored.sha256)) === stored.bytes;
  }

  private keyOf(sha256: string): string {
    assertDigest(sha256);
    const prefix = this.options.prefix === '' ? '' : `${this.options.prefix}/`;
    return `${prefix}objects/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
  }
}

function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return name === 'NoSuchKey' || name === 'NotFound' || $metadata?.httpStatusCode === 404;
}

function translate(error: unknown, sha256: string): unknown {
  if ((error as { name?: string }).name === 'AppError') return error;
  if (isMissing(error)) return StorageErrors.NOT_FOUND(`blob ${sha256} not found`, { sha256 });
  return StorageErrors.UNAVAILABLE('the S3 store does not answer', { reason: (error as Error).name }, error);
}
