// SPDX-License-Identifier: Apache-2.0
// node --require libs/testing/ts-hook.cjs file.ts: runs the TypeScript sources as jest does, so that specs can start and kill
// real processes without a build.
'use strict';
const { readFileSync, existsSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { transformSync } = require('@swc/core');

const root = path.resolve(__dirname, '../..');
const resolve = Module._resolveFilename;

Module._resolveFilename = function resolveSources(request, ...rest) {
  const library = /^#libs\/([^/]+)$/.exec(request);
  if (library) return path.join(root, 'libs', library[1], 'src/index.ts');
  return resolve.call(this, request, ...rest);
};

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), { filename, configFile: path.join(root, '.swcrc'), cwd: root });
  module._compile(code, filename);
};

if (!existsSync(path.join(root, '.swcrc'))) throw new Error(`ts-hook: ${root} is not the project root`);
