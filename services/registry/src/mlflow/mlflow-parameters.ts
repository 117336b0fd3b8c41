// SPDX-License-Identifier: Apache-2.0
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { describeParameter, type JsonSchema, schema } from '#libs/http';
import type { MlflowHttpRequest } from './caller-of';
import { type FieldRule, parseMlflowRequest, type Rules } from './request';

const body = createParamDecorator((rules: Rules, host: ExecutionContext) => {
  const { query, body: given } = host.switchToHttp().getRequest<MlflowHttpRequest>();
  return parseMlflowRequest({ query, body: given }, rules);
});
const query = createParamDecorator((rules: Rules, host: ExecutionContext) =>
  parseMlflowRequest({ query: host.switchToHttp().getRequest<MlflowHttpRequest>().query }, rules),
);

/** `@MlflowBody(rules) fields: MlflowRequest`: the fields of a JSON body (or of the query string, when there is no body). */
export function MlflowBody(rules: Rules): ParameterDecorator {
  const bodyRequired = Object.values(rules).some(({ required }) => required);
  return (target, key, index) => {
    body(rules)(target, key, index);
    describeParameter(target, key, { body: rulesSchema(rules), bodyRequired });
  };
}

/** The same for doors that read their query string only. */
export function MlflowQuery(rules: Rules): ParameterDecorator {
  return (target, key, index) => {
    query(rules)(target, key, index);
    describeParameter(target, key, { query: rulesSchema(rules) });
  };
}

function rulesSchema(rules: Rules): JsonSchema {
  const fields = Object.entries(rules).map(([name, rule]) => [
    name,
    rule.required ? fieldSchema(rule) : schema.optional(schema.nullable(fieldSchema(rule))),
  ]);
  return schema.object(Object.fromEntries(fields) as Record<string, JsonSchema>);
}

// int64 and enums come as number or as text, as proto's JSON allows.
function fieldSchema({ type, required, max, names = [] }: FieldRule): JsonSchema {
  switch (type) {
    case 'string':
      return required ? { type: 'string', minLength: 1 } : schema.text;
    case 'bool':
      return schema.boolean;
    case 'array':
      return schema.list(schema.anyObject);
    case 'strings':
      return schema.list(schema.text);
    case 'int':
      return {
        anyOf: [
          { type: 'integer', ...(max === undefined ? {} : { maximum: max }) },
          { type: 'string', pattern: '^\\s*[+-]?\\d+\\s*$' },
        ],
      };
    case 'float':
      return { type: ['number', 'string'] };
    case 'enum':
      return { enum: [...names, ...names.flatMap((_name, index) => [index + 1, String(index + 1)])] };
  }
}
