// SPDX-License-Identifier: Apache-2.0
// Runs in the CI-only project beside the Kafka specs: it needs a real S3-compatible server (CI starts versitygw).
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { testSettings } from '#libs/config';
import { newId } from '#libs/clock';
import { createBlobStore } from '../src';
import { describeBlobStore } from './blob-store-contract';

const { millraceTestS3Url: endpoint, millraceTestS3AccessKey, millraceTestS3SecretKey } = testSettings();
const credentials = { accessKeyId: millraceTestS3AccessKey, secretAccessKey: millraceTestS3SecretKey };
const bucket = `millrace-${newId().slice(-12)}`;

if (endpoint) {
  beforeAll(async () => {
    const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
  });
  describeBlobStore('S3BlobStore', () =>
    createBlobStore(`s3://${bucket}/blobs`, { s3Endpoint: endpoint, s3Credentials: credentials }),
  );
}

describe('S3BlobStore without its server', () => {
  it('fails with a code that says to try later', async () => {
    const store = createBlobStore('s3://nobody/x', { s3Endpoint: 'http://127.0.0.1:9', s3Credentials: credentials });
    await expect(store.check()).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE', retry: 'later' });
    await expect(store.put(Buffer.from('x'))).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE' });
    await store.close();
  });
});
