/**
 * Counts what the architecture asks for: files and folders, files in each folder, circles, imports that go up, long files,
 * classes and functions. `npm run house` prints the counts and fails when a limit is broken.
 *
 * docs/architecture.md says why each limit is there.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import rooms from './rooms.cjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'src')

/** Files in one folder. The roots of src and of the store are listed with their reason. */
const FEWEST = 4
const MOST = 14
const EXEMPT = new Map([['src/store', 'one engine, and nothing outside the folder imports its parts']])
const LIMITS = { class: 250, function: 60 }

const files = list(source).map(file => relative(root, file).replaceAll('\\', '/'))
const imports = new Map(files.map(file => [file, importsOf(file)]))
const folders = count(files.map(file => posix.dirname(file)))
const pieces = files.flatMap(piecesOf)
const circles = circlesOf(imports)
const levels = new Map(rooms.flatMap((names, level) => names.map(name => [name, level])))
const up = [...imports].flatMap(([file, all]) =>
  all.filter(to => levelOf(to) < levelOf(file)).map(to => `${file} imports ${to}, which is above it`),
)
const pairs = pairsOf('src/host')

const broken = [
  ...[...folders]
    .filter(([folder, number]) => !EXEMPT.has(folder) && (number < FEWEST || number > MOST))
    .map(([folder, number]) => `${folder} has ${number} files: ${FEWEST} to ${MOST} are wanted`),
  ...pieces
    .filter(({ kind, lines }) => lines > (LIMITS[kind] ?? Infinity))
    .map(
      ({ kind, file, name, lines }) =>
        `${file}: the ${kind} ${name} has ${lines} lines: at most ${LIMITS[kind]}`,
    ),
  ...up,
  ...circles.map(circle => `a circle of ${circle.length} files: ${circle.join(', ')}`),
]

const longest = kind => Math.max(...pieces.filter(piece => piece.kind === kind).map(({ lines }) => lines))
console.log(`files                    ${files.length}`)
console.log(`folders                  ${folders.size}`)
console.log(`imports inside src       ${[...imports.values()].flat().length}`)
console.log(`imports that go up       ${up.length}`)
console.log(`circles, types included  ${circles.length}`)
console.log(`pairs of host's rooms    ${pairs.length} that import each other`)
console.log(`longest file             ${longest('file')} lines`)
console.log(`longest class            ${longest('class')} lines`)
console.log(`longest function         ${longest('function')} lines`)
for (const line of broken) console.log(`- ${line}`)
if (broken.length > 0 && !process.argv.includes('--report')) process.exitCode = 1

function list(folder) {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? list(path) : path.endsWith('.ts') ? [path] : []
  })
}

/** 0 is the top. The files of src/ itself are on no level. */
function levelOf(file) {
  return levels.get(file.split('/')[1])
}

/** The pairs of folders inside that room that import each other, though no two files do. */
function pairsOf(room) {
  const inside = file => (file.startsWith(`${room}/`) ? file.slice(room.length + 1).split('/')[0] : undefined)
  const found = new Set()
  for (const [file, all] of imports)
    for (const to of all)
      if (inside(file) !== undefined && inside(to) !== undefined) found.add(`${inside(file)} ${inside(to)}`)
  return [...found].filter(pair => {
    const [from, to] = pair.split(' ')
    return from < to && found.has(`${to} ${from}`)
  })
}

function count(all) {
  const counts = new Map()
  for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1)
  return counts
}

function parse(file) {
  return ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true)
}

function importsOf(file) {
  return parse(file)
    .statements.filter(each => ts.isImportDeclaration(each) || ts.isExportDeclaration(each))
    .flatMap(each => each.moduleSpecifier?.text ?? [])
    .filter(specifier => specifier.startsWith('.'))
    .map(specifier => posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts'))
}

function piecesOf(file) {
  const tree = parse(file)
  const lineOf = at => tree.getLineAndCharacterOfPosition(at).line
  const linesOf = node => lineOf(node.end) - lineOf(node.getStart(tree)) + 1
  const found = [{ kind: 'file', file, name: '', lines: lineOf(tree.end) }]
  const visit = node => {
    const name = node.name?.getText(tree) ?? node.parent?.name?.getText?.(tree) ?? 'without a name'
    if (ts.isClassDeclaration(node)) found.push({ kind: 'class', file, name, lines: linesOf(node) })
    else if (ts.isFunctionLike(node) && node.body !== undefined)
      found.push({ kind: 'function', file, name, lines: linesOf(node) })
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** Tarjan's strongly connected components, those of more than one file. */
function circlesOf(edges) {
  const found = []
  const stack = []
  const numbers = new Map()
  const lowest = new Map()
  const open = new Set()
  const visit = file => {
    numbers.set(file, numbers.size)
    lowest.set(file, numbers.get(file))
    stack.push(file)
    open.add(file)
    for (const next of edges.get(file) ?? []) {
      if (!numbers.has(next)) visit(next)
      if (open.has(next)) lowest.set(file, Math.min(lowest.get(file), lowest.get(next)))
    }
    if (lowest.get(file) !== numbers.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    for (const each of circle) open.delete(each)
    if (circle.length > 1) found.push(circle)
  }
  for (const file of edges.keys()) if (!numbers.has(file)) visit(file)
  return found
}
