import js from '@eslint/js'
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/unified-signatures': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        ...[
          'CallExpression[callee.property.name="write"][callee.object.property.name=/^std(out|err)$/]',
          'CallExpression[callee.property.name="raw"][callee.object.name="output"]',
          'CallExpression[callee.property.name="raw"][callee.object.property.name="output"]',
        ].map(selector => ({
          selector,
          message: 'Write by `Output` or `Cli.talk`: they escape what could steer a terminal or fake a line.',
        })),
        ...[
          ':not(CallExpression, MemberExpression, TSTypeQuery, ImportSpecifier) > Identifier',
          'CallExpression > Identifier.arguments',
        ].map(passedOn => ({
          selector: `${passedOn}[name=/^(queueMicrotask|(set|clear)(Timeout|Interval))$/]`,
          message:
            'A browser refuses to run this function as a method of another object: pass an arrow function.',
        })),
      ],
    },
  },
  {
    // `lift` and the symbol are what RxJS 7 has to offer here, and both stay for all of 7.
    files: [
      'src/bus/topic/topic-observable.ts',
      'src/bus/topic/subject.ts',
      'src/operators/inner-from-input.ts',
    ],
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  {
    files: ['spec/**/*.ts', 'bench/**/*.ts', 'faults/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off', // chai's property assertions
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/only-throw-error': 'off', // apps throw anything, and so do the specs
    },
  },
  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    rules: { 'no-undef': 'off' }, // the compiler checks the examples: `tsc -p examples`
  },
)
