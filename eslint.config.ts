import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const BROWSER_GLOBALS = [
  ...['document', 'location', 'history', 'navigator', 'crypto', 'performance', 'URL', 'Intl'],
  ...['addEventListener', 'removeEventListener', 'scrollTo', 'matchMedia', 'devicePixelRatio'],
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'queueMicrotask'],
  ...['requestAnimationFrame', 'cancelAnimationFrame', 'ResizeObserver', 'getComputedStyle'],
  ...['fetch', 'AbortController', 'AbortSignal', 'Blob', 'Element', 'CSS', 'URLSearchParams'],
  'sessionStorage',
];

export default defineConfig(
  { ignores: ['node_modules/', 'coverage/', '.data/', 'client/dist/', '.dependency-cruiser.cjs'] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 50, skipComments: true }],
      'max-params': ['error', { max: 3 }],
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              package: 'node:test',
              name: [
                'test',
                'describe',
                'it',
                'suite',
                'before',
                'after',
                'beforeEach',
                'afterEach',
              ],
            },
          ],
        },
      ],
    },
  },
  {
    // The process is touched where it is started, and where a child process must be signalled.
    files: ['server/**'],
    ignores: ['server/main.ts', 'server/embedded/**'],
    rules: { 'no-restricted-globals': ['error', 'process'] },
  },
  {
    // A suite is one long function of short tests; a script talks to its user.
    files: ['test/**', 'scripts/**', 'bench/**', 'migrations/**'],
    rules: { 'max-lines-per-function': 'off', 'no-console': 'off' },
  },
  {
    // What browsers run as it stands: no types, and no globals but theirs.
    files: ['public/**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: Object.fromEntries(BROWSER_GLOBALS.map((name) => [name, false])) },
    rules: { 'no-undef': 'error' },
  },
);
