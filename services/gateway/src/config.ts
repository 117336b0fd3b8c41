// SPDX-License-Identifier: Apache-2.0
import { IsArray, IsBoolean, IsInt, IsString, Matches, Max, Min, MinLength } from 'class-validator';
import { ServiceSettings, Setting } from '#libs/config';

/** Settings of the gateway. */
export class GatewaySettings extends ServiceSettings {
  static readonly service = 'gateway';

  @Setting({ doc: 'Base URL of the model server that endpoints use unless they name another.', default: 'http://127.0.0.1:7120' })
  @Matches(/^https?:\/\/[^\s/]+/, { message: 'must be an http(s) URL' })
  @IsString()
  runtimeUrl: string;

  @Setting({
    doc: 'Folder of the journal that keeps inference events over a kill of the process; should outlive a restart of the container.',
    default: './.millrace/work/gateway',
  })
  @IsString()
  @MinLength(1)
  workDir: string;

  @Setting({
    doc: 'WORK_DIR outlives this process, so that the next one writes what a stop leaves there; false counts and lists it as dropped.',
    default: true,
  })
  @IsBoolean()
  workDirOutlivesProcess: boolean;

  @Setting({
    doc: 'Origins (http://host:port) that endpoints may name as backend beside RUNTIME_URL, comma-separated; * = any.',
    default: [],
  })
  @IsArray()
  @Matches(/^(\*|https?:\/\/[^\s/]+)$/, { each: true, message: 'must be http(s)://host[:port] or *' })
  backendOrigins: string[];

  @Setting({ doc: 'Most requests on the OpenAI routes at one time; more get 429.', default: 1024 })
  @IsInt()
  @Min(1)
  inFlightMax: number;

  @Setting({ doc: 'Most connections to one backend.', default: 256 })
  @IsInt()
  @Min(1)
  @Max(10_000)
  backendConnectionsMax: number;

  @Setting({ doc: 'Longest wait for a connection to a backend, in milliseconds.', default: 2000 })
  @IsInt()
  @Min(10)
  backendConnectMs: number;

  @Setting({ doc: 'Largest answer that is not a stream, in bytes.', default: 32 * 1024 * 1024 })
  @IsInt()
  @Min(1024)
  answerBytesMax: number;

  @Setting({ doc: 'Seconds that a version stays loaded after its last use, so that requests in flight finish.', default: 60 })
  @IsInt()
  @Min(0)
  @Max(86_400)
  drainSeconds: number;

  @Setting({ doc: 'Seconds after which the load of a version that nobody reports on is taken over.', default: 60 })
  @IsInt()
  @Min(2)
  @Max(3600)
  deploymentLeaseSeconds: number;

  @Setting({ doc: 'Milliseconds between looks at due deployments and at what the backends have loaded.', default: 1000 })
  @IsInt()
  @Min(20)
  @Max(60_000)
  deploymentPollMs: number;

  @Setting({
    doc: 'Milliseconds between looks for changed routing; a change is live on every replica within this time.',
    default: 500,
  })
  @IsInt()
  @Min(20)
  @Max(1000)
  routingPollMs: number;

  @Setting({ doc: 'Most inference events that wait in memory; more are counted and listed as dropped.', default: 20_000 })
  @IsInt()
  @Min(1)
  eventQueueMax: number;

  @Setting({ doc: 'Most bytes of captured text that wait in memory.', default: 64 * 1024 * 1024 })
  @IsInt()
  @Min(1024)
  eventQueueBytesMax: number;

  @Setting({ doc: 'Milliseconds between writes of waiting inference events.', default: 200 })
  @IsInt()
  @Min(1)
  @Max(60_000)
  eventFlushMs: number;
}
