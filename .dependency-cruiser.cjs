// SPDX-License-Identifier: Apache-2.0
// The arrows of docs/architecture.md: adapters -> use cases -> domain; libs only downward; services never into each other.
const bottom = 'errors|clock|config|contracts';
const middle = 'observability|persistence|storage|embedded-postgres|tiny-lm';
const upper = 'auth|messaging|rpc|http';

const libMayNotReach = (from, to) => ({
  name: `libs-${from.split('|')[0]}-downward`,
  comment: 'A lib imports only libs below it.',
  severity: 'error',
  from: { path: `^libs/(${from})/src`, pathNot: 'spec\\.ts$' },
  to: { path: `^libs/(${to})/` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: { pathNot: '/gen/' }, to: { circular: true, pathNot: '/gen/' } },
    {
      name: 'services-stay-apart',
      comment: 'A service speaks proto or topics to another one.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    { name: 'libs-know-no-service', severity: 'error', from: { path: '^libs/' }, to: { path: '^(services|deploy)/' } },
    libMayNotReach(bottom, `${middle}|${upper}|service-host|testing`),
    libMayNotReach(middle, `${upper}|service-host|testing`),
    libMayNotReach(upper, 'service-host|testing'),
    libMayNotReach('service-host', 'testing'),
    {
      name: 'no-test-code-in-production',
      severity: 'error',
      from: { path: '^(services/[^/]+/src|libs/(?!testing)[^/]+/src)', pathNot: '(spec|e2e-spec|kafka-spec|fault-spec)\\.ts$' },
      to: { path: '^(libs/testing|tests|services/[^/]+/test)/' },
    },
    {
      name: 'adapters-do-not-import-each-other',
      severity: 'error',
      from: { path: '^services/.*\\.(grpc|http|consumer)\\.ts$' },
      to: { path: '^services/.*\\.(grpc|http|consumer|typeorm)\\.ts$' },
    },
    {
      name: 'use-cases-know-no-adapter',
      severity: 'error',
      from: { path: '^services/[^/]+/src/[^/]+/[a-z-]+\\.ts$' },
      to: { path: '^services/.*\\.(grpc|http|consumer|typeorm|module)\\.ts$' },
    },
    {
      name: 'only-stores-know-the-driver',
      severity: 'error',
      from: { path: '^services/[^/]+/src/' },
      to: { path: 'node_modules/(typeorm|pg)/', dependencyTypesNot: ['type-only'] },
    },
    { name: 'only-messaging-knows-kafka', severity: 'error', from: { path: '^services/' }, to: { path: 'node_modules/kafkajs' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/gen/' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
