import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const built = fileURLToPath(new URL('../../src', import.meta.url))
const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url))

/**
 * A copy of what is built that speaks another protocol and calls itself by another version.
 *
 * @returns its command line and its index module
 */
export async function otherVersion(
  folder: string,
  { protocol, version }: { protocol: number; version: string },
): Promise<{ main: string; index: string }> {
  const copy = join(folder, `msgvan-${version}`)
  await mkdir(copy)
  await cp(built, join(copy, 'src'), { recursive: true })
  await symlink(modules, join(copy, 'node_modules'))
  await writeFile(join(copy, 'package.json'), '{"name":"msgvan","type":"module"}')
  await replace(join(copy, 'src/wire/protocol.js'), /(PROTOCOL = )\d+/, `$1${protocol}`)
  await replace(join(copy, 'src/version.js'), /(version = )(['"])[^'"]*\2/, `$1'${version}'`)
  return { main: join(copy, 'src/cli/main.js'), index: join(copy, 'src/index.js') }
}

async function replace(file: string, what: RegExp, by: string): Promise<void> {
  const text = await readFile(file, 'utf8')
  if (!what.test(text)) throw new Error(`${file} has no ${String(what)}`)
  await writeFile(file, text.replace(what, by))
}
