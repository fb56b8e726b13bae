import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NotInstalledError } from './errors.js'

/**
 * This module's URL, in a variable of its own: a bundler that sees it in `new URL` takes the file in, unbundled. In a
 * bundle it is that of the bundle, of this module where it was built, or undefined.
 */
const here = import.meta.url as string | undefined

/** The package's own folder of programs, once it is found. */
let found: string | undefined

/**
 * The path of a program of this package, such as `cli/main.js`, for starting a process or a thread. In a bundle this is
 * a file of the installed package: it is looked for from the bundle, the program, and the current folder.
 *
 * @throws NotInstalledError
 */
export function programFile(name: string): string {
  found ??= besideThis() ?? installed()
  return join(found, name)
}

/**
 * Set if this module is one of the package's files: beside the folders of all programs in dist/src, in such a folder in
 * dist/node.
 */
function besideThis(): string | undefined {
  const own = ownPath()
  if (own === undefined) return undefined
  const folder = dirname(own)
  return [folder, dirname(folder)].find(each => hasPrograms(each) && isOurs(each))
}

/** @throws NotInstalledError */
function installed(): string {
  for (const from of [ownPath(), process.argv[1], join(process.cwd(), 'from-here')]) {
    const folder = from === undefined ? undefined : installedFor(from)
    if (folder !== undefined) return folder
  }
  throw new NotInstalledError(
    'This app is a bundle with msgvan inside, and the package msgvan is not installed where it runs: no host can be started. ' +
      'Install msgvan there, and make it external in your bundler; or run `msgvan start`, or use van({ embedded: true }).',
  )
}

function installedFor(from: string): string | undefined {
  try {
    const folder = join(dirname(createRequire(from).resolve('msgvan/package.json')), 'dist', 'node')
    return hasPrograms(folder) ? folder : undefined
  } catch {
    return undefined
  }
}

function hasPrograms(folder: string): boolean {
  return existsSync(join(folder, 'cli', 'main.js'))
}

/** A bundle may lie beside a cli/main.js of its app. */
function isOurs(folder: string): boolean {
  for (let at = folder, above = dirname(at); at !== above; at = above, above = dirname(at)) {
    const file = join(at, 'package.json')
    if (existsSync(file))
      return (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }).name === 'msgvan'
  }
  return false
}

function ownPath(): string | undefined {
  return here?.startsWith('file:') === true ? fileURLToPath(here) : undefined
}
