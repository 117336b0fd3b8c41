// SPDX-License-Identifier: Apache-2.0
export { Requires, SkipAuth } from '#libs/auth';
export { createHttpApp } from './create-http-app';
export type { HttpAppOptions } from './create-http-app';
export { ErrorFilter, fromTransport } from './error-filter';
export { ErrorFormat, httpStatusOf, renderError } from './error-formats';
export type { ErrorFormatName, RenderedError } from './error-formats';
export { HttpGuard } from './http-guard';
export { observeRequests } from './observe-requests';
export { assertPublicUrl, isPublicAddress, OutboundErrors, OutboundHttp } from './outbound';
export type { OutboundRequest, OutboundResponse } from './outbound';
export { RawBodyStream } from './raw-body-stream';
export { Ctx } from './request-context';
export type { MillraceRequest, RequestContext } from './request-context';
export { addSystemRoutes } from './system-routes';
export type { SystemRoutesOptions } from './system-routes';
export { validate, ValidBody, ValidQuery } from './validation';
export { workspaceOf } from './workspace-path';
