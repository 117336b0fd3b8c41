// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { monitoring } from '#libs/contracts';
import { invalidFields, notFound } from '#libs/errors';
import { Database } from '#libs/persistence';
import { RpcController, type RpcContext } from '#libs/rpc';
import { AlertsRepository, type Alert } from '../alerts/alerts.repository';
import { readPage } from '../page';
import { ChangeMonitor } from './change-monitor';
import { CreateMonitor } from './create-monitor';
import type { Monitor, MonitorKind, MonitorState } from './monitor';
import { MonitorsRepository } from './monitors.repository';

const KINDS: Record<MonitorKind, monitoring.MonitorKind> = {
  drift: monitoring.MonitorKind.MONITOR_KIND_DRIFT,
  quality: monitoring.MonitorKind.MONITOR_KIND_QUALITY,
  no_data: monitoring.MonitorKind.MONITOR_KIND_NO_DATA,
};
const STATES: Record<MonitorState, monitoring.MonitorState> = {
  unknown: monitoring.MonitorState.MONITOR_STATE_UNKNOWN,
  no_data: monitoring.MonitorState.MONITOR_STATE_NO_DATA,
  ok: monitoring.MonitorState.MONITOR_STATE_OK,
  alert: monitoring.MonitorState.MONITOR_STATE_ALERT,
};

@RpcController(monitoring.MonitorServiceService)
@Injectable()
export class MonitorsGrpc {
  constructor(
    private readonly create: CreateMonitor,
    private readonly change: ChangeMonitor,
    private readonly monitors: MonitorsRepository,
    private readonly alerts: AlertsRepository,
    private readonly db: Database,
  ) {}

  async createMonitor(request: monitoring.CreateMonitorRequest, ctx: RpcContext): Promise<monitoring.CreateMonitorResponse> {
    const kind = (Object.keys(KINDS) as MonitorKind[]).find((each) => KINDS[each] === request.kind);
    if (!kind) throw invalidFields({ field: 'kind', message: 'must be drift, quality or no_data' });
    const { name, endpoint, modelName, metric, referenceRows, requestId } = request;
    const config = readConfig(request.configJson);
    const input = { workspace: ctx.workspace, name, kind, endpoint, modelName, metric, config, referenceRows, requestId };
    return { monitor: toMonitor(await this.create.execute(input)) };
  }

  async getMonitor(request: monitoring.GetMonitorRequest, ctx: RpcContext): Promise<monitoring.GetMonitorResponse> {
    const found = await this.monitors.find(this.db, ctx.workspace, request.monitor);
    if (!found) throw notFound('monitor', request.monitor);
    return { monitor: toMonitor(found) };
  }

  async listMonitors(request: monitoring.ListMonitorsRequest, ctx: RpcContext): Promise<monitoring.ListMonitorsResponse> {
    const { workspace } = ctx;
    const page = await readPage(
      request,
      { workspace },
      {
        name: 'monitors',
        read: (after, size) => this.monitors.list(this.db, workspace, { ...(after === undefined ? {} : { after }), size }),
        keyOf: (item) => item.name,
      },
    );
    return { monitors: page.items.map(toMonitor), nextPageToken: page.nextPageToken };
  }

  async resetMonitor(request: monitoring.ResetMonitorRequest, ctx: RpcContext): Promise<monitoring.ResetMonitorResponse> {
    const { reason, requestId } = request;
    return {
      monitor: toMonitor(await this.change.execute(ctx.workspace, request.monitor, { kind: 'reset', reason, requestId })),
    };
  }

  async deleteMonitor(request: monitoring.DeleteMonitorRequest, ctx: RpcContext): Promise<monitoring.DeleteMonitorResponse> {
    await this.change.execute(ctx.workspace, request.monitor, { kind: 'delete', requestId: request.requestId });
    return {};
  }

  async getAlert({ id }: monitoring.GetAlertRequest, ctx: RpcContext): Promise<monitoring.GetAlertResponse> {
    const found = await this.alerts.find(this.db, ctx.workspace, id);
    if (!found) throw notFound('alert', id);
    return { alert: toAlert(found) };
  }

  async listAlerts(request: monitoring.ListAlertsRequest, ctx: RpcContext): Promise<monitoring.ListAlertsResponse> {
    const filter = {
      workspace: ctx.workspace,
      ...(request.state === '' ? {} : { state: request.state }),
      ...(request.modelName === '' ? {} : { modelName: request.modelName }),
    };
    const page = await readPage(request, filter, {
      name: 'alerts',
      read: (before, size) => this.alerts.list(this.db, filter, { ...(before === undefined ? {} : { before }), size }),
      keyOf: (item) => item.id,
    });
    return { alerts: page.items.map(toAlert), nextPageToken: page.nextPageToken };
  }
}

function readConfig(json: string): Record<string, unknown> {
  if (json === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidFields({ field: 'config_json', message: 'must be a JSON object' });
  }
  return value as Record<string, unknown>;
}

function toMonitor(monitor: Monitor): monitoring.Monitor {
  return {
    id: monitor.id,
    name: monitor.name,
    kind: KINDS[monitor.kind],
    endpoint: monitor.endpoint,
    modelName: monitor.modelName,
    metric: monitor.metric,
    configJson: JSON.stringify(monitor.config),
    state: STATES[monitor.state],
    stateReason: monitor.stateReason,
    baselineJson: JSON.stringify(monitor.baseline),
    lastEvaluationJson: JSON.stringify(monitor.lastEvaluation),
    etag: String(monitor.version),
    createTime: monitor.createTime,
    updateTime: monitor.updateTime,
  };
}

function toAlert(alert: Alert): monitoring.Alert {
  const { workspace: _workspace, details, endTime, ...rest } = alert;
  return { ...rest, detailsJson: JSON.stringify(details), endTime: endTime ?? undefined };
}
