import type { Context } from 'mocha'
import { requireProgram } from './requirement.js'

/** The part of playwright-core's Page that the specs use. */
export interface Page {
  goto(url: string): Promise<unknown>
  evaluate(expression: string): Promise<unknown>
  on(event: 'pageerror', listener: (error: Error) => void): unknown
}

export interface Browser {
  newPage(): Promise<Page>
  close(): Promise<void>
}

interface Driver {
  readonly chromium: {
    launch(options: { executablePath: string; args: string[] }): Promise<Browser>
  }
}

/** The driver is a development dependency that nothing but this spec needs: its absence must not stop the compiler. */
const driver: string = 'playwright-core'

/** A real Chromium, headless. Without one the spec is skipped with the reason; in CI it fails. */
export async function startChromium(context: Context): Promise<Browser> {
  requireProgram(context, 'chromium', 'the client runs in a browser')
  const { chromium } = (await import(driver)) as Driver
  // root has no sandbox, and a container has a small /dev/shm
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
}
