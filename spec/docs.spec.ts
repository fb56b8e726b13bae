import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'

const root = fileURLToPath(new URL('../../', import.meta.url))

describe('docs', () => {
  it('link only to what is there', async () => {
    const pages = [
      'README.md',
      'CHANGELOG.md',
      ...(await readdir(join(root, 'docs'))).map(name => `docs/${name}`),
    ]
    const broken: string[] = []
    let links = 0
    for (const page of pages) {
      const text = await readFile(join(root, page), 'utf8')
      for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(link)) continue
        links += 1
        if (!(await isThere(page, link))) broken.push(`${page}: ${link}`)
      }
    }
    expect(broken).to.deep.equal([])
    expect(links).to.be.greaterThan(10)
  })

  it('name only files and folders that are there', async () => {
    const missing: string[] = []
    let named = 0
    for (const name of await readdir(join(root, 'docs'))) {
      const text = await readFile(join(root, 'docs', name), 'utf8')
      for (const path of pathsIn(text)) {
        named += 1
        if (!isPath(path)) missing.push(`docs/${name}: ${path}`)
      }
    }
    expect(missing).to.deep.equal([])
    expect(named).to.be.greaterThan(50)
    expect(isPath('broker/hand-over.ts'), 'a path of an older version').to.equal(false)
  })

  it('explain in the glossary only terms that occur in the named files', async () => {
    const text = await readFile(join(root, 'docs/architecture.md'), 'utf8')
    const rows = glossaryIn(text)
    const missing: string[] = []
    for (const { terms, places } of rows) {
      const sources = (await Promise.all(places.map(textAt))).join('')
      for (const term of terms)
        if (!sources.includes(plain(term))) missing.push(`${term}: ${places.join(', ')}`)
    }
    expect(missing).to.deep.equal([])
    expect(rows.length).to.be.greaterThan(50)
  })
})

/** Paths of this project between backquotes: `broker/dispatcher.ts`, `host/session/`, `spec/contract/`. */
function pathsIn(text: string): string[] {
  return [...text.matchAll(PATH)].map(([, path = '']) => path)
}

const ROOMS =
  'actors|bench|broker|bus|cli|client|codec|daemon|faults|host|log|message|operators|scripts|spec|src|state|store|wire|workers'
const PATH = new RegExp(`\`((?:${ROOMS})/[\\w/-]*(?:\\.[jt]s)?)\``, 'g')

/** Docs name a file of a room without `src/`, and a spec without `spec/` and its ending. */
function isPath(path: string): boolean {
  return [`src/${path}`, path, `spec/${path}.spec.ts`].some(each => existsSync(join(root, each)))
}

/** The rows of the glossary: one or more terms, and the files or folders where they are at home. */
function glossaryIn(text: string): { terms: string[]; places: string[] }[] {
  const [, after = ''] = text.split('\n## Glossary\n')
  const [table = ''] = after.trimStart().split('\n\n')
  return table
    .split('\n')
    .slice(2)
    .map(row => {
      const [terms = '', , where = ''] = row.slice(2).split(' | ')
      return {
        terms: terms.split(', '),
        places: [...where.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
      }
    })
}

/** The text of a file of `src/`, or of all files in a folder. */
async function textAt(place: string): Promise<string> {
  const path = join(root, 'src', place)
  const files = place.endsWith('/') ? (await readdir(path)).map(name => join(path, name)) : [path]
  const sources = files.filter(file => file.endsWith('.ts')).map(file => readFile(file, 'utf8'))
  return plain((await Promise.all(sources)).join(''))
}

/** `RetryQueue`, `retry-queue` and `retry queue` are one term. */
function plain(text: string): string {
  return text.toLowerCase().replace(/[^a-z]/g, '')
}

async function isThere(page: string, link: string): Promise<boolean> {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? join(root, page) : join(root, dirname(page), path)
  if (!existsSync(target)) return false
  if (anchor === undefined) return true
  const headings = (await readFile(target, 'utf8')).match(/^#+ .*$/gm) ?? []
  return headings.some(heading => anchorOf(heading) === anchor)
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}
