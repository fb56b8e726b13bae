import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Has a process of Node linger at its end, when its sockets are closed already, until it is let go.
 *
 * @returns its environment, and what lets it go
 */
export async function lingering(
  folder: string,
): Promise<{ env: NodeJS.ProcessEnv; letGo: () => Promise<void> }> {
  const go = join(folder, 'go')
  const module = join(folder, 'lingers.mjs')
  await writeFile(
    module,
    `import { existsSync } from 'node:fs'
     const pause = new Int32Array(new SharedArrayBuffer(4))
     process.on('exit', () => { while (!existsSync(${JSON.stringify(go)})) Atomics.wait(pause, 0, 0, 20) })`,
  )
  return { env: { NODE_OPTIONS: `--import=file://${module}` }, letGo: () => writeFile(go, '') }
}
