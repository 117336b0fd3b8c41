// SPDX-License-Identifier: Apache-2.0
import { objectSpans, patchJson } from './json-spans';

function values(json: string): Record<string, string> {
  const body = Buffer.from(json);
  return Object.fromEntries(objectSpans(body).fields.map((field) => [field.name, body.toString('utf8', field.start, field.end)]));
}

describe('objectSpans', () => {
  it('finds the outermost fields only, whatever their values hold', () => {
    const json = ' {"model" : "a\\"b\\\\" ,"n":-1.5e3,"m":[{"model":"x"},"]}"],"o":{"model":"}"},"t":true,"é":null}\n';
    expect(values(json)).toEqual({
      model: '"a\\"b\\\\"',
      n: '-1.5e3',
      m: '[{"model":"x"},"]}"]',
      o: '{"model":"}"}',
      t: 'true',
      é: 'null',
    });
  });

  it('reads names with escapes as JSON does', () => {
    expect(values('{"mod\\u0065l":"x"}')).toEqual({ model: '"x"' });
  });

  it('finds the closing brace of an empty object', () => {
    expect(objectSpans(Buffer.from('{ }'))).toEqual({ fields: [], close: 2 });
  });

  it('agrees with JSON.parse on generated objects', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const text = (): string =>
      Array.from({ length: Math.floor(random() * 8) }, () => '"\\{}[],:é😀 a'[Math.floor(random() * 13)]).join('');
    const value = (depth: number): unknown => {
      const kind = Math.floor(random() * (depth > 2 ? 3 : 5));
      if (kind === 0) return text();
      if (kind === 1) return Math.round(random() * 1000) / 8;
      if (kind === 2) return [null, true, false][Math.floor(random() * 3)];
      if (kind === 3) return Array.from({ length: 3 }, () => value(depth + 1));
      return Object.fromEntries(Array.from({ length: 3 }, (_unused, index) => [`${index}${text()}`, value(depth + 1)]));
    };
    for (let round = 0; round < 300; round += 1) {
      const object = Object.fromEntries(Array.from({ length: 4 }, (_unused, index) => [`k${index}${text()}`, value(0)]));
      const json = JSON.stringify(object, null, round % 3);
      const found = values(json);
      expect(Object.fromEntries(Object.entries(found).map(([name, raw]) => [name, JSON.parse(raw)]))).toEqual(object);
    }
  });
});

describe('patchJson', () => {
  it('replaces ranges in any order and keeps every other byte', () => {
    const body = Buffer.from('{"a": 1,  "b":"é"}');
    const { fields, close } = objectSpans(body);
    const patched = patchJson(body, [
      { start: close, end: close, text: ',"c":3' },
      { start: fields[0].start, end: fields[0].end, text: '2' },
    ]);
    expect(patched.toString()).toBe('{"a": 2,  "b":"é","c":3}');
  });

  it('gives the same buffer when nothing changes', () => {
    const body = Buffer.from('{}');
    expect(patchJson(body, [])).toBe(body);
  });
});
