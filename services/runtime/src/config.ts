// SPDX-License-Identifier: Apache-2.0
import { availableParallelism } from 'node:os';
import { IsInt, IsString, Max, Min } from 'class-validator';
import { ProcessSettings, Setting } from '#libs/config';

/** Settings of the model server beside those of every process. It has no database, no events and no gRPC. */
export class RuntimeSettings extends ProcessSettings {
  @Setting({ doc: 'Folder where the list of loaded models is kept over a restart.', default: '.millrace/work/runtime' })
  @IsString()
  workDir: string;

  @Setting({
    doc: 'Threads that generate; each answers one request at a time.',
    default: () => Math.max(1, Math.min(4, availableParallelism() - 1)),
    defaultDoc: 'cores less one, 1 to 4',
  })
  @IsInt()
  @Min(1)
  @Max(64)
  generationThreads: number;

  @Setting({ doc: 'Requests that may wait for a thread; more are answered 429.', default: 64 })
  @IsInt()
  @Min(0)
  @Max(10_000)
  queueRequestsMax: number;

  @Setting({ doc: 'Longest time for one request, waiting included, in seconds.', default: 60 })
  @IsInt()
  @Min(1)
  @Max(3600)
  requestSecondsMax: number;

  @Setting({
    doc: 'Memory for models over all threads, in bytes; beyond it the least recently used ones leave memory and come back on demand.',
    default: 512 * 1024 * 1024,
  })
  @IsInt()
  @Min(1024 * 1024)
  modelMemoryBytesMax: number;

  @Setting({ doc: 'Largest file of a model, in bytes.', default: 256 * 1024 * 1024 })
  @IsInt()
  @Min(1024)
  modelFileBytesMax: number;
}
