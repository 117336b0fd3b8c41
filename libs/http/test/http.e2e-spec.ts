// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { mintToken, parsePlatformKey } from '#libs/auth';
import { HealthRegistry, Metrics, silentLogger } from '#libs/observability';
import { eventually } from '#libs/testing';
import { addSystemRoutes, createHttpApp, observeRequests, OutboundHttp } from '../src';
import { JobsHttp, logged, SECRET, SpecModule } from './spec-module';

type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers of a door under test

describe('http', () => {
  let app: NestFastifyApplication;
  let base: string;
  let authorization: string;
  const metrics = new Metrics('spec');
  const health = new HealthRegistry();

  beforeAll(async () => {
    app = await createHttpApp(SpecModule, silentLogger(), {
      bodyBytesMax: 10_000,
      bodyPace: { idleMs: 30_000, bytesPerSecondMin: 1024 },
    });
    const fastify = app.getHttpAdapter().getInstance();
    observeRequests(fastify, metrics, silentLogger());
    addSystemRoutes(fastify, health, metrics, {
      service: 'spec',
      version: '1.2.3',
      document: async () => ({ openapi: '3.1.0' }),
    });
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
    const key = parsePlatformKey(SECRET);
    authorization = `Bearer ${await mintToken(key, { subject: 'ada', roles: { '*': 'editor' }, expiresInSeconds: 60 })}`;
  });
  afterAll(async () => {
    await app.close();
    metrics.close();
  });

  async function call(path: string, init: RequestInit & { headers?: Record<string, string> } = {}) {
    const response = await fetch(base + path, { ...init, headers: { authorization, connection: 'close', ...init.headers } });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text || 'null') as Json };
  }
  const json = (value: unknown): { body: string } => ({ body: JSON.stringify(value) });
  const jsonHeaders = { 'content-type': 'application/json' };

  it('gives handlers workspace, principal and trace', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await call('/api/v1/jobs?pageSize=20&deep=false', {
      headers: { 'x-millrace-workspace': 'team-a', traceparent },
    });
    expect(answer.body).toEqual({
      query: { pageSize: 20, deep: false },
      workspace: 'team-a',
      subject: 'ada',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    });
    expect((await call('/w/team-b/api/v1/jobs')).body.workspace).toBe('team-b');
    expect((await call('/api/v1/jobs', { headers: { 'X-MLFLOW-WORKSPACE': 'team-c' } })).body.workspace).toBe('team-c');
    expect((await call('/api/v1/jobs')).body.workspace).toBe('default');
    const conflict = await call('/w/team-b/api/v1/jobs', { headers: { 'x-millrace-workspace': 'team-a' } });
    expect(conflict.body.errors[0].field).toBe('x-millrace-workspace');
    expect((await call('/w/Bad%2Fname/api/v1/jobs')).body.errors[0].field).toBe('workspace');
    expect((await call('/w/%zz/api/v1/jobs')).status).toBe(400);
  });

  it('keeps the trace in handlers with a body', async () => {
    const answer = await call('/api/v1/jobs', { method: 'POST', headers: jsonHeaders, ...json({ name: 'x' }) });
    expect(answer.body).toEqual({ body: { name: 'x' }, traced: true });
  });

  it('names every wrong field', async () => {
    const answer = await call('/api/v1/jobs', {
      method: 'POST',
      headers: jsonHeaders,
      ...json({ nam: 1, steps: [{ name: 'a' }, { name: 2, x: 1 }] }),
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ code: 'COMMON.INVALID_ARGUMENT', status: 400, instance: '/api/v1/jobs' });
    expect(answer.body.errors).toEqual(
      expect.arrayContaining([
        { field: 'nam', message: 'unknown field' },
        { field: 'name', message: 'must be a string' },
        { field: 'steps[1].name', message: 'must be a string' },
        { field: 'steps[1].x', message: 'unknown field' },
      ]),
    );
    expect((await call('/api/v1/jobs?pageSize=5000')).body.errors).toEqual([
      { field: 'pageSize', message: 'must not be greater than 1000' },
    ]);
    expect((await call('/api/v1/jobs?page=5')).body.errors).toEqual([{ field: 'page', message: 'unknown field' }]);
  });

  it.each(['null', '"text"', '[]', '7'])('refuses the body %s where an object is meant', async (body) => {
    const answer = await call('/api/v1/jobs', { method: 'POST', headers: jsonHeaders, body });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'body', message: 'must be a JSON object' }] } });
  });

  it('reads a JSON body of DELETE', async () => {
    expect((await call('/api/v1/jobs', { method: 'DELETE', headers: jsonHeaders, ...json({ name: 'gone' }) })).body).toEqual({
      name: 'gone',
    });
  });

  it.each([
    ['broken JSON', '{"name":', 400, 'COMMON.INVALID_ARGUMENT'],
    ['a prototype key', '{"name":"x","__proto__":{"admin":true}}', 400, 'COMMON.INVALID_ARGUMENT'],
    ['an array', '[1]', 400, 'COMMON.INVALID_ARGUMENT'],
    ['nothing', '', 400, 'COMMON.INVALID_ARGUMENT'],
    ['too much', JSON.stringify({ name: 'x'.repeat(20_000) }), 413, 'COMMON.PAYLOAD_TOO_LARGE'],
  ])('refuses a body with %s', async (_name, body, status, code) => {
    const answer = await call('/api/v1/jobs', { method: 'POST', headers: jsonHeaders, body });
    expect(answer).toMatchObject({ status, body: { code } });
  });

  it('answers unknown routes and unreadable bodies in the format of the path', async () => {
    expect((await call('/api/v1/nothing')).body).toMatchObject({ code: 'COMMON.ROUTE_NOT_FOUND', status: 404 });
    const openai = await call('/v1/nothing', { method: 'POST', headers: jsonHeaders, body: '{}' });
    expect(openai).toMatchObject({ status: 404, body: { error: { type: 'invalid_request_error', code: 'route_not_found' } } });
    const mlflow = await call('/api/2.0/mlflow/nothing');
    expect(mlflow).toMatchObject({ status: 404, body: { error_code: 'ENDPOINT_NOT_FOUND' } });
    const broken = await call('/v1/chat/completions', { method: 'POST', headers: jsonHeaders, body: '{' });
    expect(broken).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error', code: 'invalid_argument' } } });
    const large = await call('/v1/chat/completions', { method: 'POST', headers: jsonHeaders, body: `"${'x'.repeat(20_000)}"` });
    expect(large).toMatchObject({ status: 413, body: { error: { code: 'payload_too_large' } } });
  });

  it('answers a wrong method on a known path by 405 with Allow, in the format of the path', async () => {
    const problem = await call('/api/v1/jobs/fail/x', { method: 'PUT' });
    expect(problem).toMatchObject({
      status: 405,
      body: { code: 'COMMON.METHOD_NOT_ALLOWED', details: { allow: ['GET', 'HEAD'] } },
    });
    expect(problem.headers.get('allow')).toBe('GET, HEAD');
    expect((await call('/w/team-a/health/live?x=1', { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD');
    expect((await call('/v1/chat/completions')).body).toMatchObject({ error: { code: 'method_not_allowed' } });
    // Clients of MLflow go on to the next method that they know after this code only.
    expect(await call('/api/2.0/mlflow/runs', { method: 'POST' })).toMatchObject({
      status: 405,
      body: { error_code: 'ENDPOINT_NOT_FOUND' },
    });
    expect((await call('/api/v1/jobs/fail/x/y', { method: 'PUT' })).status).toBe(404);
    expect((await call('/api/v1/jobs/fail/', { method: 'PUT' })).status).toBe(404);
  });

  it('renders errors of routes in the format of their controller', async () => {
    const openai = await call('/v1/chat/completions', {
      method: 'POST',
      headers: { ...jsonHeaders, authorization: 'Bearer sk-mr-x' },
      body: '{}',
    });
    expect(openai).toMatchObject({
      status: 404,
      body: { error: { message: 'model x not found', type: 'invalid_request_error', param: 'model', code: 'model_not_found' } },
    });
    expect(openai.headers.get('x-should-retry')).toBe('false');
    expect((await call('/api/2.0/mlflow/runs')).body).toEqual({
      error_code: 'RESOURCE_DOES_NOT_EXIST',
      message: 'Run x not found',
    });
    const denied = await call('/api/2.0/mlflow/runs', { headers: { authorization: '' } });
    expect(denied.status).toBe(401);
    expect(denied.headers.get('www-authenticate')).toBe('Basic realm="mlflow"');
    expect(denied.body.error_code).toBe('UNAUTHENTICATED');
  });

  it('hides bugs, hints at retries, repeats the request id', async () => {
    const bug = await call('/api/v1/jobs/fail/bug', { headers: { 'x-request-id': 'req-7' } });
    expect(bug).toMatchObject({ status: 500, body: { code: 'COMMON.INTERNAL', requestId: 'req-7' } });
    expect(JSON.stringify(bug.body)).not.toContain('secret detail');
    expect(bug.headers.get('x-request-id')).toBe('req-7');
    const full = await call('/api/v1/jobs/fail/full', { headers: { 'x-request-id': 'evil line' } });
    expect(full).toMatchObject({ status: 429, body: { details: { limit: 3 } } });
    expect(full.headers.get('retry-after')).toBe('2');
    expect(full.headers.get('x-request-id')).not.toContain('evil');
  });

  it('tells the log of an answer that ran out of time, by its request id, without query, credentials or body', async () => {
    logged.length = 0;
    const headers = { 'x-request-id': 'req-8' };
    expect((await call('/api/v1/jobs/fail/late?token=canary-query', { headers })).status).toBe(504);
    expect(logged.map((line) => JSON.parse(line) as Json)).toEqual([
      expect.objectContaining({ level: 'warn', requestId: 'req-8', path: '/api/v1/jobs/fail/late', code: 'COMMON.DEADLINE' }),
    ]);
    expect(logged.join()).not.toMatch(/canary-query|Bearer/);
  });

  it('checks roles', async () => {
    expect((await call('/api/v1/jobs', { headers: { authorization: '' } })).status).toBe(401);
    expect((await call('/api/v1/jobs/admin', { method: 'POST' })).body.code).toBe('COMMON.FORBIDDEN');
  });

  it('hands raw bodies on as streams of any length', async () => {
    const body = Buffer.alloc(3_000_000, 'x');
    expect((await call('/api/v1/jobs/upload', { method: 'PUT', body, headers: { 'content-type': 'text/csv' } })).body).toEqual({
      bytes: 3_000_000,
    });
    expect(
      (
        await call('/api/v1/jobs/upload', {
          method: 'PUT',
          body: 'a=1',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
      ).body,
    ).toEqual({ bytes: 3 });
    expect((await call('/api/v1/jobs/upload', { method: 'PUT' })).body).toEqual({ bytes: 0 });
    const parsed = await call('/api/v1/jobs/upload', { method: 'PUT', body: '{}', headers: jsonHeaders });
    expect(parsed).toMatchObject({ status: 415, body: { code: 'COMMON.UNSUPPORTED_MEDIA_TYPE' } });
  });

  it('tells a handler when its client goes away', async () => {
    const abort = new AbortController();
    const pending = fetch(`${base}/api/v1/jobs/wait`, { headers: { authorization, connection: 'close' }, signal: abort.signal });
    const deadline = Date.now() + 5000;
    const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    while (!(await metrics.page()).body.includes('millrace_spec_http_requests_in_flight 1')) {
      if (Date.now() > deadline) throw new Error('the request never arrived');
      await tick();
    }
    abort.abort();
    await expect(pending).rejects.toThrow();
    while (JobsHttp.aborted === 0) {
      if (Date.now() > deadline) throw new Error('the handler was not told');
      await tick();
    }
  });

  it('answers the system routes', async () => {
    expect((await call('/health/ready')).status).toBe(503);
    health.markStarted();
    expect(await call('/health/ready')).toMatchObject({ status: 200, body: { status: 'ok', service: 'spec' } });
    expect((await call('/health/live')).status).toBe(200);
    expect((await call('/version')).body).toMatchObject({ service: 'spec', version: '1.2.3' });
    const document = await call('/openapi.json');
    expect(document.body).toEqual({ openapi: '3.1.0' });
    const again = await call('/openapi.json', { headers: { 'if-none-match': document.headers.get('etag')! } });
    expect(again.status).toBe(304);
    const page = await (await fetch(`${base}/metrics`, { headers: { connection: 'close' } })).text();
    expect(page).toMatch(/millrace_spec_http_request_seconds_count\{method="POST",route="\/api\/v1\/jobs",status="400"\} \d/);
    expect(page).toContain('route="unknown"');
  });

  it('survives bytes that are not HTTP', async () => {
    const { hostname, port } = new URL(base);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write('\u0000\u0001nonsense\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toContain('400');
    expect((await call('/health/live')).status).toBe(200);
  });

  it('calls out to allowed hosts only', async () => {
    const { host } = new URL(base);
    const outbound = new OutboundHttp([host]);
    expect((await outbound.request(`${base}/version`)).status).toBe(200);
    await expect(new OutboundHttp().request(`${base}/version`)).rejects.toMatchObject({ code: 'OUTBOUND.ADDRESS_REFUSED' });
    await expect(outbound.request(`http://${host.replace(/:\d+$/, ':1')}/`)).rejects.toMatchObject({
      code: 'OUTBOUND.ADDRESS_REFUSED',
    });
    await expect(new OutboundHttp(['127.0.0.1:9']).request('http://127.0.0.1:9/')).rejects.toMatchObject({
      code: 'COMMON.UNAVAILABLE',
    });
    await outbound.close();
  });

  it('breaks a call off when it is told to, before it has begun and while its receiver hangs', async () => {
    const asked: string[] = [];
    const silent = createServer((request) => void asked.push(String(request.url)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const outbound = new OutboundHttp([host]);
    const never = outbound.request(`http://${host}/never`, { signal: AbortSignal.abort() });
    await expect(never).rejects.toMatchObject({ code: 'COMMON.CANCELLED' });
    const stop = new AbortController();
    const hanging = outbound.request(`http://${host}/hangs`, { signal: stop.signal, timeoutMs: 600_000 });
    const outcome = expect(hanging).rejects.toMatchObject({ code: 'COMMON.CANCELLED' });
    await eventually(() => asked.length > 0);
    stop.abort();
    await outcome;
    expect(asked).toEqual(['/hangs']);
    await outbound.close();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('does not follow a redirect to where it may not go', async () => {
    let visits = 0;
    const inner = createServer((_request, response) => {
      visits += 1;
      response.end('a secret');
    });
    const receiver = createServer((_request, response) => {
      response
        .writeHead(302, { location: `http://127.0.0.1:${(inner.address() as AddressInfo).port}/`, connection: 'close' })
        .end();
    });
    for (const server of [inner, receiver]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    const outbound = new OutboundHttp([host]);
    for (const method of ['GET', 'POST'] as const) {
      const answer = await outbound.request(`http://${host}/`, { method });
      expect(answer).toMatchObject({ status: 302, body: '' });
      await expect(outbound.request(String(answer.headers.location))).rejects.toMatchObject({ code: 'OUTBOUND.ADDRESS_REFUSED' });
    }
    expect(visits).toBe(0);
    await outbound.close();
    for (const server of [inner, receiver]) await new Promise((resolve) => server.close(resolve));
  });
});
