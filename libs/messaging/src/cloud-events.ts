// SPDX-License-Identifier: Apache-2.0
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from './broker';
import { MessagingErrors } from './messaging.errors';

/** CloudEvents 1.0 attributes and data of a message, whichever content mode it came in. */
export interface CloudEvent {
  id: string;
  source: string;
  type: string;
  subject: string;
  time: Date;
  workspace: string;
  aggregateId: string;
  aggregateVersion: number;
  traceparent?: string;
  /** Parsed JSON, or bytes for another content type; null when the message has no data. */
  data: unknown;
}

/** The attributes that our own events carry; see docs/topics.md. */
export interface EventAttributes {
  id: string;
  source: string;
  type: string;
  subject: string;
  time: Date;
  workspace: string;
  aggregateId: string;
  aggregateVersion: number;
  traceparent?: string;
  build?: string;
}

type Attributes = Record<string, unknown>;

const STRUCTURED = 'application/cloudevents';
const WORKSPACE = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const ATTRIBUTE_CHARACTERS_MAX = 1024;
export const DEFAULT_WORKSPACE = 'default';

/** Headers of an event in binary mode: `ce_*` attributes, the value is the data alone. */
export function toHeaders(attributes: EventAttributes): Record<string, string> {
  const { id, source, type, subject, time, workspace, aggregateId, aggregateVersion, traceparent, build } = attributes;
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_subject: subject,
    ce_time: time.toISOString(),
    ce_workspace: workspace,
    ce_aggregateid: aggregateId,
    ce_aggregateversion: String(aggregateVersion),
    ...(traceparent === undefined ? {} : { ce_traceparent: traceparent, traceparent }),
    ...(build === undefined ? {} : { ce_build: build }),
    'content-type': 'application/json',
  };
}

/** Attributes as far as they can be read, without checks: what a dead letter shows. */
export function peekAttributes(message: IncomingMessage): { id: string; type: string; workspace: string } {
  let attributes: Attributes = {};
  try {
    attributes = readAttributes(message).attributes;
  } catch (error) {
    if ((error as { code?: string }).code === undefined) throw error; // not one of ours
  }
  const workspace = text(attributes['workspace']);
  return {
    id: text(attributes['id']).slice(0, ATTRIBUTE_CHARACTERS_MAX),
    type: text(attributes['type']).slice(0, ATTRIBUTE_CHARACTERS_MAX),
    workspace: WORKSPACE.test(workspace) ? workspace : DEFAULT_WORKSPACE,
  };
}

/** The type, cheaply, to choose the handler; undefined when the message is no event. */
export function typeOf(message: IncomingMessage): string | undefined {
  if (isStructured(message)) return peekAttributes(message).type || undefined;
  return message.headers['ce_type'];
}

/**
 * Reads a message in binary or structured mode. Throws MESSAGING.NOT_AN_EVENT naming the attribute, or
 * MESSAGING.UNREADABLE_DATA when the data is not what its content type says.
 */
export function parseCloudEvent(message: IncomingMessage): CloudEvent {
  const { attributes, data } = readAttributes(message);
  if (attributes['specversion'] !== '1.0') throw notAnEvent('specversion', 'must be "1.0"');
  const traceparent = optional(attributes, 'traceparent') ?? message.headers['traceparent'];
  return {
    id: required(attributes, 'id'),
    source: required(attributes, 'source'),
    type: required(attributes, 'type'),
    subject: optional(attributes, 'subject') ?? '',
    time: readTime(attributes, message),
    workspace: readWorkspace(attributes),
    aggregateId: optional(attributes, 'aggregateid') ?? optional(attributes, 'subject') ?? '',
    aggregateVersion: readVersion(attributes),
    ...(traceparent === undefined ? {} : { traceparent }),
    data: data(),
  };
}

function isStructured(message: IncomingMessage): boolean {
  return (message.headers['content-type'] ?? '').toLowerCase().startsWith(STRUCTURED);
}

function readAttributes(message: IncomingMessage): { attributes: Attributes; data: () => unknown } {
  return isStructured(message) ? readStructured(message) : readBinary(message);
}

function readBinary(message: IncomingMessage): { attributes: Attributes; data: () => unknown } {
  const { headers } = message;
  const attributes: Attributes = {};
  let found = false;
  for (const name in headers) {
    const attribute = attributeOf(name);
    if (attribute === undefined) continue;
    attributes[attribute] = headers[name];
    found = true;
  }
  if (!found) throw notAnEvent('id', 'has no ce_ headers and no CloudEvents content type');
  return { attributes, data: () => readData(message.value, message.headers['content-type'] ?? 'application/json') };
}

/** Attribute names by header, so that the few names in use are taken apart once and not for every event. */
const attributeNames = new Map<string, string | undefined>();
const ATTRIBUTE_NAMES_MAX = 1_000;

function attributeOf(header: string): string | undefined {
  const known = attributeNames.get(header);
  if (known !== undefined || attributeNames.has(header)) return known;
  const attribute = header.toLowerCase().startsWith('ce_') ? header.slice(3).toLowerCase() : undefined;
  // Producers choose header names: what is kept of them has a bound.
  if (attributeNames.size < ATTRIBUTE_NAMES_MAX) attributeNames.set(header, attribute);
  return attribute;
}

function readStructured(message: IncomingMessage): { attributes: Attributes; data: () => unknown } {
  const contentType = message.headers['content-type'] ?? '';
  if (!/^application\/cloudevents\+json\s*(;|$)/i.test(contentType)) {
    throw notAnEvent('content-type', `${contentType} is not supported: use application/cloudevents+json`);
  }
  const event = parseJson(message.value ?? Buffer.alloc(0), (reason) => notAnEvent('value', reason));
  if (typeof event !== 'object' || event === null || Array.isArray(event)) throw notAnEvent('value', 'must be one JSON object');
  const { data, data_base64: base64, ...attributes } = event as Attributes;
  const bytes = typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined;
  return {
    attributes,
    data: () => (bytes ? readData(bytes, text(attributes['datacontenttype']) || 'application/json') : (data ?? null)),
  };
}

function readData(value: Buffer | null, contentType: string): unknown {
  if (value === null || value.length === 0) return null;
  if (!/^(application|text)\/([a-z0-9.-]+\+)?json\s*(;|$)/i.test(contentType)) return value;
  return parseJson(value, (reason) => MessagingErrors.UNREADABLE_DATA(`data ${reason}`, { field: 'data' }));
}

function parseJson(bytes: Buffer, refuse: (reason: string) => Error): unknown {
  if (!isUtf8(bytes)) throw refuse('is not UTF-8');
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0; // a byte order mark
  try {
    return JSON.parse(bytes.toString('utf8', start)) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError || (error as Error).name === 'SyntaxError') throw refuse('is not JSON');
    throw error;
  }
}

function required(attributes: Attributes, name: string): string {
  const value = optional(attributes, name);
  if (value === undefined || value === '') throw notAnEvent(name, 'is missing');
  return value;
}

function optional(attributes: Attributes, name: string): string | undefined {
  const value = attributes[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw notAnEvent(name, 'must be text');
  if (value.length > ATTRIBUTE_CHARACTERS_MAX) throw notAnEvent(name, `has more than ${ATTRIBUTE_CHARACTERS_MAX} characters`);
  if (value.includes('\0')) throw notAnEvent(name, 'contains a NUL character');
  return value;
}

function readTime(attributes: Attributes, message: IncomingMessage): Date {
  const value = optional(attributes, 'time');
  if (value === undefined || value === '') return message.time;
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) throw notAnEvent('time', 'is not an RFC 3339 time');
  return time;
}

function readWorkspace(attributes: Attributes): string {
  const value = optional(attributes, 'workspace') ?? DEFAULT_WORKSPACE;
  if (!WORKSPACE.test(value)) throw notAnEvent('workspace', 'is not a workspace name');
  return value;
}

function readVersion(attributes: Attributes): number {
  const value = attributes['aggregateversion'] ?? 0;
  const version = Number(value);
  if (!Number.isSafeInteger(version) || version < 0) throw notAnEvent('aggregateversion', 'must be a whole number');
  return version;
}

function notAnEvent(field: string, reason: string): Error {
  return MessagingErrors.NOT_AN_EVENT(`${field} ${reason}`, { field });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll('\0', '') : '';
}
