// Unit specs (*.spec.ts, no I/O), end-to-end specs (*.e2e-spec.ts, real embedded Postgres) and Kafka specs (*.kafka-spec.ts, a real broker).
const common = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: {
    // This exporter loads node:http by import(), which jest's CommonJS runtime has not: let swc make it a require.
    'otlp-exporter-base/.+\\.js$': ['@swc/jest', { swcrc: false, module: { type: 'commonjs' } }],
    '^.+\\.(ts|js|mjs)$': ['@swc/jest', { swcrc: true }],
  },
  // Nest 12 and jose are ESM-only: swc down-levels them, so no node flags are needed.
  transformIgnorePatterns: ['/node_modules/(?!(@nestjs|jose|openai|csv-parse|gpt-tokenizer|@opentelemetry/otlp-exporter-base)/)'],
  moduleNameMapper: { '^#libs/([^/]+)$': '<rootDir>/libs/$1/src/index.ts' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.cache/'],
};

// Specs with real sockets share one Postgres server per run, and fail when they leave a server, connection or process open.
const real = {
  ...common,
  testEnvironment: '<rootDir>/libs/testing/src/jest-environment.ts',
  globalSetup: '<rootDir>/libs/testing/src/jest-global-setup.ts',
  globalTeardown: '<rootDir>/libs/testing/src/jest-global-teardown.ts',
};

module.exports = {
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/{libs,services,deploy,tests}/**/*.spec.ts'] },
    { ...real, displayName: 'e2e', testMatch: ['<rootDir>/{libs,services,deploy,tests}/**/*.e2e-spec.ts'] },
    { ...real, displayName: 'kafka', testMatch: ['<rootDir>/{libs,services,deploy,tests}/**/*.kafka-spec.ts'] },
  ],
};
