import { defineConfig } from 'vitest/config'

const inBrowser = 'packages/studio/test/**/*.browser.test.ts'

// Tests run on the TypeScript sources (condition `source`); only worker threads load the built files.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node', 'import', 'module', 'default'] } },
  test: {
    testTimeout: 60_000,
    setupFiles: ['vitest.setup.ts'],
    pool: 'threads',
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'node', include: ['packages/*/test/**/*.test.ts'], exclude: [inBrowser] } },
      {
        extends: true,
        // The app is built and Chromium started once for all of these files, and only where one of them is run.
        test: {
          name: 'browser',
          include: [inBrowser],
          globalSetup: ['packages/studio/test/support/browser-setup.ts'],
          // Files share what they import: it is loaded once a thread.
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
    ],
  },
})
