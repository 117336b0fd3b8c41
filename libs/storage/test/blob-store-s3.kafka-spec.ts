// SPDX-License-Identifier: Apache-2.0
// In the project of the Kafka specs because it needs a real engine: an S3-compatible server, started here from
// MILLRACE_VERSITYGW or given by MILLRACE_TEST_S3_URL.
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { testSettings } from '#libs/config';
import { newId } from '#libs/clock';
import { createBlobStore } from '../src';
import { describeBlobStore } from './blob-store-contract';
import { type S3Server, startS3Server } from './s3-server';

const settings = testSettings();
const credentials = { accessKeyId: settings.millraceTestS3AccessKey, secretAccessKey: settings.millraceTestS3SecretKey };
const bucket = `millrace-${newId().slice(-12)}`;
const program = settings.millraceVersitygw;
let endpoint = settings.millraceTestS3Url ?? '';
let server: S3Server | undefined;

if (endpoint !== '' || program !== undefined) {
  beforeAll(async () => {
    if (endpoint === '' && program !== undefined) {
      server = await startS3Server(program, credentials);
      endpoint = server.endpoint;
    }
    const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
  }, 60_000);
  afterAll(() => server?.stop());
  describeBlobStore('S3BlobStore', () =>
    createBlobStore(`s3://${bucket}/blobs`, { s3Endpoint: endpoint, s3Credentials: credentials }),
  );

  it('refuses wrong credentials and buckets that do not exist, to be tried later', async () => {
    const wrong = { ...credentials, secretAccessKey: 'not the secret of this server' };
    const stranger = createBlobStore(`s3://${bucket}/blobs`, { s3Endpoint: endpoint, s3Credentials: wrong });
    await expect(stranger.check()).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE' });
    await stranger.close();
    const elsewhere = createBlobStore('s3://nobody-made-this/x', { s3Endpoint: endpoint, s3Credentials: credentials });
    await expect(elsewhere.check()).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE' });
    await elsewhere.close();
  });
}

it('ran against a real S3 server, in CI', () => {
  expect(!settings.millraceCi || endpoint !== '').toBe(true);
});

it('fails with a code that says to try later when its server is away', async () => {
  const store = createBlobStore('s3://nobody/x', { s3Endpoint: 'http://127.0.0.1:9', s3Credentials: credentials });
  await expect(store.check()).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE', retry: 'later' });
  await expect(store.put(Buffer.from('x'))).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE' });
  await store.close();
});
