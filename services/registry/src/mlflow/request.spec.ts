// SPDX-License-Identifier: Apache-2.0
import { checkAliasName, checkKey, checkModelName, parseExperimentId, parseVersionNumber } from './limits';
import { parseMetricValue, parseMlflowRequest, type Rules } from './request';

const rules: Rules = {
  run_id: { type: 'string' },
  max_results: { type: 'int', max: 10 },
  order_by: { type: 'strings' },
  archive: { type: 'bool' },
  view: { type: 'enum', names: ['ACTIVE_ONLY', 'ALL'] },
};

describe('MLflow requests', () => {
  it('take int64 as number or text, enums by name or number, camelCase and the old name of run ids; ignore the rest', () => {
    const request = parseMlflowRequest(
      { body: { runUuid: 'x', run_uuid: 'r1', maxResults: '7', view: 2, archive: true, other: {} } },
      rules,
    );
    expect(request.string('run_id')).toBe('r1');
    expect(request.number('max_results')).toBe(7);
    expect(request.string('view')).toBe('ALL');
    expect(request.bool('archive')).toBe(true);
    expect(request.has('order_by')).toBe(false);
  });

  it('read query strings: single values as lists where lists are meant, True as true', () => {
    const request = parseMlflowRequest({ query: { order_by: 'a', archive: 'True', max_results: '3' } }, rules);
    expect(request.strings('order_by')).toEqual(['a']);
    expect(request.bool('archive')).toBe(true);
    expect(() => parseMlflowRequest({ query: { archive: 'maybe' } }, rules)).toThrow(
      "Invalid boolean value: maybe, must be 'true' or 'false'.",
    );
  });

  it.each([
    [{ run_id: 5 }, "Invalid value 5 for parameter 'run_id' supplied:  Hint: Value was of type 'int'."],
    [{ max_results: 1.5 }, "Hint: Value was of type 'float'."],
    [{ max_results: 11 }, "Invalid value 11 for parameter 'max_results' supplied"],
    [{ order_by: 'a' }, "Hint: Value was of type 'str'."],
    [{ order_by: ['a', 1] }, "Hint: Value was of type 'list'."],
    [{ archive: 'true' }, "Hint: Value was of type 'str'."],
    [{ view: 'SOME' }, 'Invalid value "SOME" for parameter \'view\' supplied'],
  ])('refuse %j', (body, message) => {
    expect(() => parseMlflowRequest({ body }, rules)).toThrow(message);
  });

  it('say what is missing, null and empty text included', () => {
    const required: Rules = { name: { type: 'string', required: true } };
    for (const body of [{}, { name: null }, { name: '' }, 'not json', []]) {
      expect(() => parseMlflowRequest({ body }, required)).toThrow("Missing value for required parameter 'name'.");
    }
  });

  it.each([['AAA'], [''], [null], ['1'], ['null'], ['[]'], [7], [true], [[]]])('refuse a body that is no object: %j', (body) => {
    expect(() => parseMlflowRequest({ body }, rules)).toThrow('The request body must be a JSON object.');
  });

  it('take an object that came as a JSON text', () => {
    expect(parseMlflowRequest({ body: '{"run_id":"r1"}' }, rules).string('run_id')).toBe('r1');
  });

  it('read the doubles that JSON numbers cannot say', () => {
    expect(['NaN', 'Infinity', '-Infinity', 'inf', '-inf', '1e3', 2].map((value) => parseMetricValue('value', value))).toEqual([
      NaN,
      Infinity,
      -Infinity,
      Infinity,
      -Infinity,
      1000,
      2,
    ]);
    for (const value of ['', 'x', true, null, {}]) expect(() => parseMetricValue('value', value)).toThrow('Invalid value');
  });

  it('refuse names that stand for other names', () => {
    for (const key of ['a//b', '../a', '/a', './a', 'a/', '', 'a?', 'a\n']) expect(() => checkKey(key)).toThrow();
    for (const key of ['a/b', 'a.b-c_d:e f', 'größe']) checkKey(key);
    for (const name of ['a/b', 'a:b', ' ', '..']) expect(() => checkModelName(name)).toThrow();
    for (const alias of ['latest', 'LATEST', 'v1', 'V20', 'a b', '', 'x'.repeat(256)])
      expect(() => checkAliasName(alias)).toThrow();
    checkAliasName('latest', 'allow');
  });

  it('read ids without believing in them', () => {
    expect(parseExperimentId('007')).toBe('7');
    for (const id of ['', '-1', '1e3', 'abc', '9'.repeat(30)])
      expect(() => parseExperimentId(id)).toThrow('must be a valid integer');
    expect(parseVersionNumber('99999999999')).toBe(2_147_483_647);
    for (const version of ['x', '1.5', '']) expect(() => parseVersionNumber(version)).toThrow('must be an integer');
  });
});
