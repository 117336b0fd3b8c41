// SPDX-License-Identifier: Apache-2.0
import { experimentGrammar, modelGrammar, parseFilter, runGrammar, versionGrammar } from './filter';
import { parseModelOrderBy, parseOrderBy } from './order-by';

describe('filter languages', () => {
  it('read AND-ed comparisons with every way of writing a key', () => {
    const filter =
      "metrics.loss < 0.5 and params.`learning rate`='1e-3' AND tags.\"a.b\" LIKE 'x%' AND attr.status != 'FAILED' AND start_time >= -5";
    expect(parseFilter(filter, runGrammar)).toEqual([
      { entity: 'metric', key: 'loss', comparator: '<', value: 0.5 },
      { entity: 'parameter', key: 'learning rate', comparator: '=', value: '1e-3' },
      { entity: 'tag', key: 'a.b', comparator: 'LIKE', value: 'x%' },
      { entity: 'attribute', key: 'status', comparator: '!=', value: 'FAILED' },
      { entity: 'attribute', key: 'start_time', comparator: '>=', value: -5 },
    ]);
    expect(parseFilter('  ', runGrammar)).toEqual([]);
  });

  it('read lists, null tests, synonyms and quoted words that look like syntax', () => {
    expect(parseFilter('run_id IN (\'a\', "b",)', runGrammar)[0]).toMatchObject({ comparator: 'IN', value: ['a', 'b'] });
    expect(parseFilter("name not  in ('a')", modelGrammar)[0]).toMatchObject({ comparator: 'NOT IN', value: ['a'] });
    expect(parseFilter('tags.x IS NOT NULL AND params.y is null', runGrammar).map((clause) => clause.comparator)).toEqual([
      'IS NOT NULL',
      'IS NULL',
    ]);
    expect(parseFilter("`Run name` = 'a OR b; (c)'", runGrammar)[0]).toMatchObject({ key: 'run_name', value: 'a OR b; (c)' });
    expect(parseFilter('Created > 1', runGrammar)[0]).toMatchObject({ key: 'start_time' });
    expect(parseFilter("tags.`mlflow.prompt.is_prompt` = 'true'", modelGrammar)[0]).toMatchObject({
      key: 'mlflow.prompt.is_prompt',
    });
  });

  it.each([
    ["metrics.a = 1 OR params.b = 'x'", runGrammar, "Invalid clause(s) in filter string: 'OR'"],
    ["name = 'a' OR name = 'b'", experimentGrammar, 'Invalid clause(s) in filter string: OR'],
    ['metrics.a', runGrammar, "Invalid clause(s) in filter string: 'metrics.a'"],
    [
      "foo.k = '1'",
      runGrammar,
      "Invalid entity type 'foo'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
    ],
    ["params.k = '1'", experimentGrammar, "Invalid entity type 'params'. Valid entity types are ('attribute', 'tag', 'tags')"],
    ['params.k = 3', runGrammar, "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 3"],
    ["metrics.k > 'a'", runGrammar, "Expected numeric value type for metric. Found 'a'"],
    ['metrics.k LIKE 3', runGrammar, "Invalid comparator 'LIKE' not one of"],
    ["status IN ('RUNNING')", runGrammar, "Only ['run_id'] attributes support comparison with a list of quoted string values."],
    ['run_id IN ()', runGrammar, 'expected a non-empty list of string values, but got empty list'],
    ["run_id IN ('a' 'b')", runGrammar, 'ill-formed list'],
    ["datasets.foo = 'n'", runGrammar, "Invalid dataset key 'foo' specified."],
    ["name > 'a'", modelGrammar, 'Invalid comparator for attribute: >'],
    ['version_number > 1.5', versionGrammar, "Invalid value for numeric attribute 'version_number': 1.5"],
    ["name = 'a'; DROP TABLE x", modelGrammar, 'Search filter contained multiple expression'],
    ["constructor.x = 'a'", runGrammar, "Invalid entity type 'constructor'"],
  ])('refuse %s', (filter, grammar, message) => {
    expect(() => parseFilter(filter, grammar)).toThrow(
      expect.objectContaining({ code: 'REGISTRY.INVALID_PARAMETER', message: expect.stringContaining(message) }),
    );
  });

  it('sort by known keys only, each once', () => {
    expect(parseOrderBy(['metrics.`a b` DESC', 'start_time'], runGrammar)).toEqual([
      { entity: 'metric', key: 'a b', descending: true },
      { entity: 'attribute', key: 'start_time', descending: false },
    ]);
    expect(parseModelOrderBy(['timestamp desc'])).toEqual([
      { entity: 'attribute', key: 'last_updated_timestamp', descending: true },
    ]);
    expect(() => parseOrderBy(['name DESC', 'name'], versionGrammar)).toThrow(
      "`order_by` contains duplicate fields: ['name DESC', 'name']",
    );
    expect(() => parseOrderBy(['name SIDEWAYS'], versionGrammar)).toThrow(
      "Invalid ordering key in order_by clause 'name SIDEWAYS'.",
    );
    expect(() => parseModelOrderBy(['version'])).toThrow("Invalid order by key 'version' specified.");
    expect(() => parseOrderBy(['name; DROP TABLE x'], versionGrammar)).toThrow('Could not be parsed');
  });

  it.each([
    ['characters', `tags.a = '${'x'.repeat(8_000_000)}'`, 'at most 50000 characters'],
    ['characters that are no filter', 'x'.repeat(8_000_000), 'at most 50000 characters'],
    ['clauses', Array(101).fill("tags.a = 'b'").join(' AND '), 'at most 100 clauses'],
  ])('refuse more %s than a statement should have', (_what, filter, message) => {
    expect(() => parseFilter(filter, runGrammar)).toThrow(
      expect.objectContaining({ code: 'REGISTRY.INVALID_PARAMETER', message: expect.stringContaining(message) }),
    );
  });

  it('sort by at most 20 keys, which are short', () => {
    const keys = Array.from({ length: 21 }, (_, index) => `metrics.m${index}`);
    expect(parseOrderBy(keys.slice(1), runGrammar)).toHaveLength(20);
    expect(() => parseOrderBy(keys, runGrammar)).toThrow('`order_by` can contain at most 20 fields. Got 21.');
    expect(() => parseModelOrderBy(Array<string>(21).fill('name'))).toThrow('at most 20 fields');
    expect(() => parseOrderBy([`metrics.${'x'.repeat(8_000_000)}`], runGrammar)).toThrow("'order_by' exceeds the maximum length");
  });
});
