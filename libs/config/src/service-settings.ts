// SPDX-License-Identifier: Apache-2.0
import { IsArray, IsBoolean, IsIn, IsInt, IsString, Matches, Max, Min } from 'class-validator';
import { type DefaultContext, Setting } from './setting';

/** Default ports of the platform (design section 3); `grpc` 0 = the process has no gRPC port. */
export const defaultPorts: Readonly<Record<string, { http: number; grpc: number }>> = {
  gateway: { http: 7100, grpc: 7200 },
  ingestion: { http: 7101, grpc: 7201 },
  'data-prep': { http: 7102, grpc: 7202 },
  training: { http: 7103, grpc: 7203 },
  registry: { http: 7104, grpc: 7204 },
  monitoring: { http: 7105, grpc: 7205 },
  console: { http: 7110, grpc: 0 },
  runtime: { http: 7120, grpc: 0 },
};

const httpPortOf = ({ service }: DefaultContext): number | undefined => defaultPorts[service]?.http;
const grpcPortOf = ({ service }: DefaultContext): number | undefined => defaultPorts[service]?.grpc;
const HOST_PORT = /^(dns:\/\/\/)?(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/;

/** Settings of every process: its HTTP port, blobs, identity, logs, traces, shutdown. */
export abstract class ProcessSettings {
  @Setting({ doc: 'Address that the HTTP port binds to.', default: '127.0.0.1' })
  @IsString()
  httpHost: string;

  @Setting({ doc: 'HTTP port; 0 = any free one.', default: httpPortOf })
  @IsInt()
  @Min(0)
  @Max(65535)
  httpPort: number;

  @Setting({ doc: 'Largest HTTP body that is not a stream, in bytes.', default: 8 * 1024 * 1024 })
  @IsInt()
  @Min(1024)
  httpBodyBytesMax: number;

  @Setting({ doc: 'Longest time in seconds that an HTTP body may bring no byte; then the request is answered 408.', default: 30 })
  @Min(0.1)
  @Max(1800)
  httpBodyIdleSeconds: number;

  @Setting({
    doc: 'Least bytes a second that an HTTP body must bring over each HTTP_BODY_IDLE_SECONDS of waiting for it; 0 = any.',
    default: 1024,
  })
  @IsInt()
  @Min(0)
  httpBodyBytesPerSecondMin: number;

  @Setting({
    doc: 'Where blobs live: file:///folder or s3://bucket/prefix (credentials from the AWS_* variables).',
    default: 'file://./.millrace/blobs',
  })
  @Matches(/^(file|s3):\/\/./, { message: 'must start with file:// or s3://' })
  storageUrl: string;

  @Setting({ doc: 'Endpoint of an S3-compatible server; empty = AWS.', default: '' })
  @IsString()
  s3Endpoint: string;

  @Setting({ doc: 'Region for S3.', default: 'us-east-1' })
  @IsString()
  s3Region: string;

  @Setting({
    doc: 'Identity check: on, or off (refused when a port binds to anything but loopback).',
    env: 'MILLRACE_AUTH',
    default: 'off',
    type: 'string',
  })
  @IsIn(['on', 'off'])
  auth: 'on' | 'off';

  @Setting({
    doc: 'Key of platform tokens: 32 bytes or more for HS256, or an Ed25519 private key as JWK. The launcher generates one.',
    secret: true,
    optional: true,
  })
  @IsString()
  authSigningKey?: string;

  @Setting({
    doc: 'Another platform key whose tokens are accepted while keys are rotated: the coming one, then the former one.',
    secret: true,
    optional: true,
  })
  @IsString()
  authAcceptedKey?: string;

  @Setting({ doc: 'OpenID Connect issuer whose tokens are accepted too; empty = none.', default: '' })
  @IsString()
  oidcIssuer: string;

  @Setting({ doc: 'Audience that tokens of the OpenID Connect issuer must carry.', default: 'millrace' })
  @IsString()
  oidcAudience: string;

  @Setting({ doc: 'Claim of OpenID Connect tokens that maps workspaces to roles.', default: 'millrace_roles' })
  @IsString()
  oidcRolesClaim: string;

  @Setting({ doc: 'Least level that is logged: trace, debug, info, warn, error or silent.', default: 'info', type: 'string' })
  @IsIn(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
  logLevel: string;

  @Setting({ doc: 'OTLP/HTTP endpoint that traces are sent to, such as http://localhost:4318; empty = none.', default: '' })
  @IsString()
  otelExporterOtlpEndpoint: string;

  @Setting({ doc: 'Share of new traces that are recorded, 0 to 1.', default: 1 })
  @Min(0)
  @Max(1)
  otelTracesSampleRatio: number;

  @Setting({ doc: 'Longest graceful stop, in seconds; then the process exits with status 1.', default: 25 })
  @Min(1)
  @Max(300)
  shutdownSeconds: number;

  @Setting({
    doc: 'Pause between "not ready" and closing the doors on a stop, in seconds (time for load balancers).',
    default: 2,
  })
  @Min(0)
  @Max(60)
  shutdownReadinessSeconds: number;

  @Setting({
    doc: 'Hosts (name or name:port) that outgoing webhooks may reach although they are private; comma-separated.',
    default: [],
  })
  @IsArray()
  outboundAllowHosts: string[];
}

/** Settings of every service that has a database, a broker and a gRPC port. */
export abstract class ServiceSettings extends ProcessSettings {
  @Setting({ doc: "URL of the service's own PostgreSQL database." })
  @Matches(/^postgres(ql)?:\/\//, { message: 'must be a postgresql:// URL' })
  databaseUrl: string;

  @Setting({ doc: 'Most connections to the database.', default: 10 })
  @IsInt()
  @Min(2)
  @Max(200)
  poolMax: number;

  @Setting({ doc: 'Address that the gRPC port binds to.', default: '127.0.0.1' })
  @IsString()
  grpcHost: string;

  @Setting({ doc: 'gRPC port; 0 = any free one.', default: grpcPortOf })
  @IsInt()
  @Min(0)
  @Max(65535)
  grpcPort: number;

  @Setting({ doc: 'Largest gRPC message, in bytes.', default: 16 * 1024 * 1024 })
  @IsInt()
  @Min(65536)
  grpcMessageBytesMax: number;

  @Setting({ doc: 'Broker: event-log (in PostgreSQL) or kafka.', default: 'event-log', type: 'string' })
  @IsIn(['event-log', 'kafka'])
  broker: 'event-log' | 'kafka';

  @Setting({
    doc: 'Database of the event log.',
    default: ({ settings }) => eventLogUrl(settings.databaseUrl),
    defaultDoc: "`millrace_events` on `DATABASE_URL`'s server",
  })
  @Matches(/^postgres(ql)?:\/\//, { message: 'must be a postgresql:// URL' })
  eventLogUrl: string;

  @Setting({ doc: 'Kafka bootstrap servers, comma-separated host:port.', default: [] })
  @IsArray()
  @Matches(HOST_PORT, { each: true, message: 'must be host:port' })
  kafkaBrokers: string[];

  @Setting({
    doc: 'Seconds after which a consumer that says nothing loses its partitions to the others of its group; Kafka only.',
    default: 45,
  })
  @IsInt()
  @Min(3)
  @Max(300)
  kafkaSessionSeconds: number;

  @Setting({
    doc: 'Workspaces: auto (made on first use) or explicit (made by an admin).',
    env: 'MILLRACE_WORKSPACES',
    default: 'auto',
    type: 'string',
  })
  @IsIn(['auto', 'explicit'])
  workspaces: 'auto' | 'explicit';

  @Setting({ doc: 'Run the consumers and the relay in this process.', default: true })
  @IsBoolean()
  runConsumers: boolean;

  @Setting({
    doc: 'Longest time that handling one event may take, in seconds; what takes longer twice is put aside.',
    default: 20,
  })
  @Min(0.1)
  @Max(22) // below half of a Kafka session, so that a stuck handler never costs the membership
  handlerSecondsMax: number;

  @Setting({ doc: "Address of ingestion's gRPC port.", default: '127.0.0.1:7201' })
  @Matches(HOST_PORT, { message: 'must be host:port' })
  ingestionGrpc: string;

  @Setting({ doc: "Address of data-prep's gRPC port.", default: '127.0.0.1:7202' })
  @Matches(HOST_PORT, { message: 'must be host:port' })
  dataPrepGrpc: string;

  @Setting({ doc: "Address of training's gRPC port.", default: '127.0.0.1:7203' })
  @Matches(HOST_PORT, { message: 'must be host:port' })
  trainingGrpc: string;

  @Setting({ doc: "Address of registry's gRPC port.", default: '127.0.0.1:7204' })
  @Matches(HOST_PORT, { message: 'must be host:port' })
  registryGrpc: string;

  @Setting({ doc: "Address of the gateway's gRPC port.", default: '127.0.0.1:7200' })
  @Matches(HOST_PORT, { message: 'must be host:port' })
  gatewayGrpc: string;

  @Setting({ doc: "Address of monitoring's gRPC port.", default: '127.0.0.1:7205' })
  @Matches(HOST_PORT, { message: 'must be host:port' })
  monitoringGrpc: string;
}

function eventLogUrl(databaseUrl: unknown): string | undefined {
  if (typeof databaseUrl !== 'string' || !URL.canParse(databaseUrl)) return undefined;
  const url = new URL(databaseUrl);
  url.pathname = '/millrace_events';
  return url.toString();
}
