// SPDX-License-Identifier: Apache-2.0
export { AppError, hasCode, isAppError } from './app-error';
export type { AppErrorFields, ErrorDetails, ErrorKind, FieldViolation, Retry } from './app-error';
export { defineErrors, findErrorCode, listErrorCodes } from './define-errors';
export type { ErrorCodeEntry, ErrorDeclaration, ErrorFactory } from './define-errors';
export { CommonErrors, invalidFields, notFound, toAppError } from './common-errors';
