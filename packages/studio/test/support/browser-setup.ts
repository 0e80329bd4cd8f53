/** Once for all test files that need a browser: the app is built, and one Chromium is started. */

import { chromium } from 'playwright-core'
import type { TestProject } from 'vitest/node'
import { buildApp, chromiumOptions, findChromium } from './app.ts'

/** What test files need to know of both; null where no Chromium was found. */
export interface Prepared {
  /** The built app. */
  readonly folder: string
  /** Where the browser listens. */
  readonly endpoint: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    studio: Prepared | null
  }
}

/** What Vitest calls before the first of these files; what it returns is called after the last. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const executablePath = findChromium()
  if (!executablePath) {
    console.warn('No Chromium was found (set CHROMIUM to its path): the tests of the app in a browser are skipped.')
    project.provide('studio', null)
    return undefined
  }
  const app = await buildApp()
  const browser = await chromium.launchServer(chromiumOptions(executablePath))
  project.provide('studio', { folder: app.folder, endpoint: browser.wsEndpoint() })
  return async () => {
    await browser.close()
    app.remove()
  }
}
