// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { eventually, projectRoot } from '#libs/testing';

/** An alert as Alertmanager tells its webhook. */
export interface Notice {
  status: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** Prometheus and Alertmanager with the committed rules, looking every second; and the webhook that Alertmanager calls. */
export class WatchTower {
  readonly notices: Notice[] = [];
  private readonly children: ChildProcess[] = [];
  private hook?: Server;
  private prometheusPort = 0;

  constructor(private readonly folder: string) {}

  async start(targets: string[]): Promise<void> {
    const [prometheusPort, alertsPort] = [await freePort(), await freePort()];
    this.prometheusPort = prometheusPort;
    const hookPort = await this.listen();
    cpSync(join(projectRoot(), 'deploy/prometheus/rules'), join(this.folder, 'rules'), { recursive: true });
    const alerts = {
      route: { receiver: 'hook', group_wait: '0s', group_interval: '1s', group_by: ['...'] },
      receivers: [{ name: 'hook', webhook_configs: [{ url: `http://127.0.0.1:${hookPort}/` }] }],
    };
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules/*.yml'],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertsPort}`] }] }] },
      scrape_configs: [{ job_name: 'millrace', static_configs: [{ targets }] }],
    };
    writeFileSync(join(this.folder, 'alerts.yml'), stringify(alerts));
    writeFileSync(join(this.folder, 'prometheus.yml'), stringify(config));
    mkdirSync(join(this.folder, 'data'));
    this.run('prometheus-alertmanager', [
      `--config.file=${join(this.folder, 'alerts.yml')}`,
      `--storage.path=${join(this.folder, 'alerts-data')}`,
      `--web.listen-address=127.0.0.1:${alertsPort}`,
      '--cluster.listen-address=',
    ]);
    this.run('prometheus', [
      `--config.file=${join(this.folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(this.folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
    ]);
    await eventually(async () => (await this.query('count(up == 1)')) === targets.length, { timeoutMs: 60_000 });
  }

  /** Value of an instant query with one result, or undefined. */
  async query(expr: string): Promise<number | undefined> {
    const url = `http://127.0.0.1:${this.prometheusPort}/api/v1/query?query=${encodeURIComponent(expr)}`;
    const answer = (await (await fetch(url)).json()) as { data: { result: { value: [number, string] }[] } };
    const value = answer.data.result[0]?.value[1];
    return value === undefined ? undefined : Number(value);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.children.map((child) => {
        const ended = new Promise((resolve) => child.once('close', resolve));
        child.kill('SIGTERM');
        return ended;
      }),
    );
    const { hook } = this;
    if (hook) await new Promise((resolve) => hook.close(resolve));
  }

  private async listen(): Promise<number> {
    const hook = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        this.notices.push(...(JSON.parse(body) as { alerts: Notice[] }).alerts);
        response.setHeader('connection', 'close').end();
      });
    });
    this.hook = hook;
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    return (hook.address() as AddressInfo).port;
  }

  private run(program: string, args: string[]): void {
    this.children.push(spawn(program, args, { stdio: 'ignore' }));
  }
}

/** Runs promtool and gives what it said; throws with that when it fails. */
export function promtool(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8', cwd: projectRoot() });
  if (error) throw error;
  if (status !== 0) throw new Error(`promtool ${args.slice(0, 2).join(' ')}:\n${stdout}${stderr}`);
  return stdout;
}

export async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
