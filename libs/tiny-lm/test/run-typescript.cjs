// SPDX-License-Identifier: Apache-2.0
// node run-typescript.cjs FILE.ts ...: runs a TypeScript file in a process of its own without a build, with the compiler that jest uses.
const { readFileSync } = require('node:fs');
const { resolve } = require('node:path');
const { transformSync } = require('@swc/core');

require.extensions['.ts'] = (module, filename) => {
  module._compile(transformSync(readFileSync(filename, 'utf8'), { filename, sourceMaps: 'inline' }).code, filename);
};
process.argv.splice(1, 1);
const file = resolve(process.argv[1]);
require('node:module')._load(file, null, true);
