// SPDX-License-Identifier: Apache-2.0
import { loadSettings } from './load-settings';
import { Setting } from './setting';

/** Real engines that a test run may use; each is optional, and a spec that needs one says so when it is missing. */
export class TestSettings {
  @Setting({ doc: 'URL of a real S3-compatible server for the S3 adapter.', optional: true })
  millraceTestS3Url?: string;

  @Setting({ doc: 'Program of a real S3-compatible server (versitygw) that the S3 specs start themselves.', optional: true })
  millraceVersitygw?: string;

  @Setting({ doc: 'The grpcurl program that the specs with outside clients call.', default: 'grpcurl' })
  millraceGrpcurl: string;

  @Setting({ doc: "The OpenTelemetry Collector's OTLP receiver, built from .ci/tools/otlp-receiver.", default: 'otlp-receiver' })
  millraceOtlpReceiver: string;

  @Setting({ doc: 'Running in CI: an engine that is missing fails its spec.', default: false })
  millraceCi: boolean;

  @Setting({ doc: 'Access key of that server.', default: 'millrace', secret: true })
  millraceTestS3AccessKey: string;

  @Setting({ doc: 'Secret key of that server.', default: 'millrace-secret', secret: true })
  millraceTestS3SecretKey: string;

  @Setting({ doc: 'Bootstrap servers of a running Kafka; without it the Kafka specs start their own.', default: [] })
  millraceTestKafkaBrokers: string[];

  @Setting({ doc: 'URL of a running PostgreSQL server; without it the specs start the embedded one.', optional: true })
  millraceTestDatabaseUrl?: string;

  @Setting({
    doc: 'Python that has the mlflow client (pip install mlflow-skinny), for the specs with the stock client.',
    optional: true,
  })
  mlflowPython?: string;

  @Setting({ doc: 'Seed of the fuzz specs; the same seed sends the same requests.', default: 20261123 })
  fuzzSeed: number;

  @Setting({ doc: 'Hostile requests that the fuzz specs send to each method or event type.', default: 25 })
  fuzzExamples: number;
}

/** The test settings of this process. */
export function testSettings(): TestSettings {
  return loadSettings(TestSettings);
}
