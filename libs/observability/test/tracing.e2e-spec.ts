// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInSpan, startTracing, traceparent } from '../src';

interface OtlpBody {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: {
      spans: {
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        name: string;
        status?: { code?: number };
        links?: { traceId: string }[];
      }[];
    }[];
  }[];
}

describe('startTracing', () => {
  it('sends spans as OTLP/HTTP JSON, with parents across a header', async () => {
    const bodies: OtlpBody[] = [];
    const paths: string[] = [];
    const receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        paths.push(request.url ?? '');
        bodies.push(JSON.parse(Buffer.concat(chunks).toString()) as OtlpBody);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    const tracing = startTracing({ service: 'registry', endpoint: `http://127.0.0.1:${port}/` });
    let header: string | undefined;
    await runInSpan({ name: 'produce', kind: 'producer' }, () => {
      header = traceparent();
    });
    await expect(
      runInSpan({ name: 'consume', kind: 'consumer', traceparent: header, attributes: { topic: 't', none: undefined } }, () =>
        Promise.reject(Object.assign(new Error('bad row'), { code: 'X.BAD' })),
      ),
    ).rejects.toThrow('bad row');
    const others = Array.from({ length: 40 }, (_, n) => `00-${'a'.repeat(30)}${10 + n}-00f067aa0ba902b7-01`);
    await runInSpan({ name: 'batch', kind: 'consumer', links: [others[0], 'no traceparent', ...others] }, () => undefined);
    await tracing.close();
    // The exporter keeps its connection open for the next batch.
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
    const spans = bodies.flatMap((body) =>
      body.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)),
    );
    const produce = spans.find((span) => span.name === 'produce')!;
    const consume = spans.find((span) => span.name === 'consume')!;
    expect(paths.every((path) => path === '/v1/traces')).toBe(true);
    expect(consume).toMatchObject({ traceId: produce.traceId, parentSpanId: produce.spanId, status: { code: 2 } });
    const batch = spans.find((span) => span.name === 'batch')!;
    expect(batch.links?.map(({ traceId }) => traceId)).toEqual(others.slice(0, 32).map((header) => header.split('-')[1]));
    expect(bodies[0].resourceSpans[0].resource.attributes).toContainEqual({
      key: 'service.name',
      value: { stringValue: 'millrace-registry' },
    });
  });
});
