// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { ProcessName } from '../../deploy/local/processes';
import { prefixOf } from '../../deploy/prometheus/describe';

const TYPES = ['counter', 'gauge', 'histogram'];

/** Labels of every metric that a process may have, by name: read from the calls that declare them, in its own code and in libs. */
export function declaredLabels(root: string, service: ProcessName): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const folder of [join(root, 'services', service, 'src'), join(root, 'libs')]) {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.ts') && !name.endsWith('spec.ts'))) {
      for (const [name, labels] of declaredIn(join(folder, file))) found.set(`${prefixOf(service)}_${name}`, labels);
    }
  }
  return found;
}

function declaredIn(file: string): [name: string, labels: string[]][] {
  const text = readFileSync(file, 'utf8');
  if (!/\.(counter|gauge|histogram)\(/.test(text)) return [];
  const found: [string, string[]][] = [];
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit);
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
    const [options] = node.arguments;
    if (!TYPES.includes(node.expression.name.text) || !options || !ts.isObjectLiteralExpression(options)) return;
    const name = fieldOf(options, 'name');
    if (!name || !ts.isStringLiteral(name)) return;
    const names = fieldOf(options, 'labelNames');
    const values = fieldOf(options, 'labelValues');
    found.push([
      name.text,
      [
        ...(names && ts.isArrayLiteralExpression(names) ? names.elements.filter(ts.isStringLiteral).map(({ text }) => text) : []),
        ...(values && ts.isObjectLiteralExpression(values) ? values.properties.map((each) => each.name!.getText()) : []),
      ],
    ]);
  };
  // Parents are needed for getText.
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

function fieldOf(object: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  const property = object.properties.find((each) => each.name?.getText() === name);
  return property && ts.isPropertyAssignment(property) ? property.initializer : undefined;
}
