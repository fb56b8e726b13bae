import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

interface PackageJson {
  readonly files: readonly string[]
  readonly bin: { readonly msgvan: string }
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

/** msgvan in a folder of an app's, as npm lays it out: the files that are published, and beside them what they import. */
export interface Installed {
  /** Puts a program of bench/ into the app's folder and gives its path. */
  program(file: string): Promise<string>
  /** The command line. */
  readonly main: string
}

export async function install(app: string): Promise<Installed> {
  const modules = join(app, 'node_modules')
  const msgvan = join(modules, 'msgvan')
  const { files, bin, dependencies, peerDependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  ) as PackageJson
  for (const file of [...files, 'package.json'])
    await cp(join(root, file), join(msgvan, file), { recursive: true })
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
  await writeFile(join(app, 'package.json'), '{ "private": true, "type": "module" }')
  return {
    main: join(msgvan, bin.msgvan),
    program: async file => {
      const path = join(app, file)
      await mkdir(dirname(path), { recursive: true })
      await cp(join(root, 'bench', file), path)
      return path
    },
  }
}
