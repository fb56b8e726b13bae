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
})

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
