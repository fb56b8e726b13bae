import { execFileSync } from 'node:child_process'
import type { Context } from 'mocha'

/**
 * For a spec that needs a program which is not part of this repository. Without the program the spec is reported as not
 * run, with the reason; in CI (`CI=true`) it fails, since there it has to run.
 */
export function requireProgram(context: Context, program: string, reason: string): void {
  if (isThere(program)) return
  const text = `not run: ${program} is not installed (${reason})`
  if (process.env['CI'] === 'true') throw new Error(text)
  console.log(`      ${text}`)
  context.skip()
}

/** Daemons live in sbin, which is not on everybody's path. */
function isThere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v -- "$1"`, 'sh', program], {
      env: { PATH: searchPath() },
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

/** The path on which `requireProgram` looks: start the program with it. */
export function searchPath(): string {
  return `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/local/sbin`
}

/** For a spec that this machine cannot run, whatever is installed: it is reported as not run, with the reason. */
export function skipUnless(context: Context, isPossible: boolean, reason: string): void {
  if (isPossible) return
  console.log(`      not run: ${reason}`)
  context.skip()
}

/** For a spec of what the product does on Linux alone. */
export function onlyOnLinux(context: Context): void {
  skipUnless(context, process.platform === 'linux', 'Linux only')
}
