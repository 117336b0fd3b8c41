// SPDX-License-Identifier: Apache-2.0
import tseslint from 'typescript-eslint';
import prettier from 'eslint-config-prettier';

const environmentDoors = [
  'libs/config/**',
  'deploy/**',
  'tests/**',
  '**/*.spec.ts',
  '**/*-spec.ts',
  '**/bench/**',
  '**/scripts/**',
  'libs/testing/**',
];

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '**/gen/**', 'libs/tiny-lm/assembly/**', 'coverage/**'] },
  ...tseslint.configs.recommendedTypeChecked.map((entry) => ({ ...entry, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.spec.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read settings through libs/config.' },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
    },
  },
  { files: environmentDoors, rules: { 'no-restricted-properties': 'off' } },
  {
    // Nest constructors take their ports by injection; specs describe several cases in one function.
    files: ['**/*.spec.ts', '**/*-spec.ts', 'tests/**', '**/test/**'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  // Dependency injection: a constructor lists the ports that its class needs.
  {
    files: ['services/**/src/**/*.ts', 'libs/**/src/**/*.ts'],
    rules: { 'max-params': 'off', '@typescript-eslint/max-params': ['error', { max: 8 }] },
  },
  prettier,
);
