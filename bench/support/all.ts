import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// `npm run bench -- [QUESTION...] [--quick] [--write]` runs every bench in turn, or those that you name. With --write the output
// of each replaces its block in bench/README.md.

const folder = fileURLToPath(new URL('..', import.meta.url))
const readme = fileURLToPath(new URL('../../../bench/README.md', import.meta.url))

const flags = process.argv.slice(2).filter(each => each.startsWith('--'))
const wanted = process.argv.slice(2).filter(each => !each.startsWith('--'))

async function questions(): Promise<string[]> {
  const files = await readdir(folder)
  const all = files.filter(name => name.endsWith('.js')).map(name => basename(name, '.js'))
  const unknown = wanted.find(name => !all.includes(name))
  if (unknown !== undefined) throw new Error(`there is no bench ${unknown}; there are ${all.join(', ')}`)
  return wanted.length > 0 ? wanted : all
}

/** @returns what it printed, or undefined when it failed */
async function run(question: string): Promise<string | undefined> {
  const child = fork(join(folder, `${question}.js`), flags, { stdio: ['inherit', 'pipe', 'inherit', 'ipc'] })
  let printed = ''
  child.stdout?.on('data', (text: Buffer) => {
    printed += text.toString()
    process.stdout.write(text)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return code === 0 ? printed : undefined
}

/** Between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, which stands in the README already. */
async function keep(question: string, printed: string): Promise<void> {
  const text = await readFile(readme, 'utf8')
  const [begin, end] = [`<!-- bench:${question} -->\n`, `<!-- /bench:${question} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${readme} has no block ${begin.trim()} … ${end}`)
  const block = `\`\`\`text\n${printed.trim().replace(/[^\S\n]+$/gm, '')}\n\`\`\`\n`
  await writeFile(readme, text.slice(0, from + begin.length) + block + text.slice(to))
}

const failed: string[] = []
for (const question of await questions()) {
  const printed = await run(question)
  if (printed === undefined) failed.push(question)
  else if (flags.includes('--write')) await keep(question, printed)
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
