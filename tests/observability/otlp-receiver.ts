// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { eventually } from '#libs/testing';

/** A span as OTLP JSON has it, with the name of its service. */
export interface ReceivedSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  /** OTLP: 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
}

interface Document {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<ReceivedSpan, 'service'>[] }[];
  }[];
}

/** The OpenTelemetry Collector's OTLP receiver as a process (.ci/tools/otlp-receiver), writing to a file. */
export class OtlpReceiver {
  private constructor(
    private readonly child: ChildProcess,
    private readonly file: string,
    readonly endpoint: string,
  ) {}

  static async start(program: string, port: number, file: string): Promise<OtlpReceiver> {
    const child = spawn(program, [`127.0.0.1:${port}`, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually(() => output.includes('listening'), { timeoutMs: 30_000 });
    return new OtlpReceiver(child, file, `http://127.0.0.1:${port}`);
  }

  spans(): ReceivedSpan[] {
    const lines = readFileSync(this.file, 'utf8').split('\n').slice(0, -1);
    return lines.flatMap((line) =>
      (JSON.parse(line) as Document).resourceSpans.flatMap(({ resource, scopeSpans }) => {
        const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
        return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service })));
      }),
    );
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGTERM');
    await ended;
  }
}
