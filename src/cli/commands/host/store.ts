import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { StoreError } from '../../../errors.js'
import type { MissingInVan } from '../../../host/store/accounts.js'
import type { Probed } from '../../../store/probe.js'
import type { Cli } from '../../cli.js'
import { Exit } from '../../exit.js'

interface Options {
  json?: boolean
}

/** `msgvan store check|repair|info|compact`: a host's store. */
export function addStore(program: Command, cli: Cli): void {
  const store = program
    .command('store')
    .summary("check, repair, describe or compact a host's store")
    .description(
      'The folder where a host keeps its messages (`msgvan host --store`). `check` and `info` may run beside that host; `repair` and `compact` need it stopped.',
    )
    .addHelpText(
      'after',
      `
Examples:
  msgvan store info /var/lib/msgvan
  msgvan store compact /var/lib/msgvan`,
    )
  store.action(() => store.error('which? One of: check, repair, info, compact'))
  const command = (
    name: string,
    description: string,
    run: (cli: Cli, folder: string, isJson: boolean) => Promise<number>,
  ): Command =>
    store
      .command(name)
      .description(description)
      .argument('<folder>', 'the folder of the host')
      .option('--json', 'as one JSON object')
      .action(cli.action<Options>((_, { json = false }, [folder = '']) => run(cli, folder, json)))

  command('check', 'Read it all and compare checksums. Exit code 1 if anything is wrong.', check)
  command(
    'repair',
    'Keep the whole parts, set the rest aside, and list what is missing. Exit code 1 if anything was wrong.',
    repair,
  )
  command('info', 'Show its size and contents.', info)
  command('compact', 'Give freed room back to the disk.', compact)
}

async function check(cli: Cli, path: string, isJson: boolean): Promise<number> {
  const { existingStore } = await import('../../../store/compact.js')
  const { probe } = await import('../../../store/probe.js')
  const { refuseNewer } = await import('../../../store/open-store.js')
  const folder = existingStore(path)
  const found = await probe(folder, { isBrief: false })
  refuseNewer(folder, found)
  return report(cli, { ...found, missing: await missingOf(folder, found) }, isJson)
}

async function repair(cli: Cli, path: string, isJson: boolean): Promise<number> {
  const { existingStore } = await import('../../../store/compact.js')
  const { lockFolder } = await import('../../../store/folder-lock.js')
  const { FreeSpace } = await import('../../../store/free-space.js')
  const { probe } = await import('../../../store/probe.js')
  const { refuseNewer } = await import('../../../store/open-store.js')
  const { repairStore, tidyFolder } = await import('../../../store/repair.js')
  const folder = existingStore(path)
  const release = await lockFolder(folder)
  try {
    tidyFolder(folder)
    const found = await probe(folder, { isBrief: false })
    refuseNewer(folder, found)
    const { wrong, broken } = found
    if (wrong !== undefined) return await report(cli, { ...found, missing: [] }, isJson)
    const missing = await missingOf(folder, found)
    const { aside } = await repairStore({ folder, space: new FreeSpace(folder), isBrief: false, broken })
    if (aside !== undefined) cli.talk(`the whole parts were kept; the rest is in ${aside}`)
    return await report(cli, { ...found, missing }, isJson)
  } finally {
    await release()
  }
}

type Report = Probed & { readonly missing: readonly MissingInVan[] }

async function report(cli: Cli, found: Report, isJson: boolean): Promise<number> {
  const { chunks, messages, records, wrong, broken, damages, missing } = found
  const why = wrong ?? broken ?? damages[0]?.why
  if (isJson) {
    const damaged = why === undefined ? {} : { wrong: why, damages, missing }
    await cli.output.json(JSON.stringify({ chunks, messages, records, ...damaged }))
  } else {
    const counted = `${messages} messages in ${chunks} pieces, ${records} records`
    await cli.output.line(`${counted}: ${why === undefined ? 'all as written' : `damaged: ${why}`}`)
    for (const { van, text } of missing)
      await cli.output.line(`missing${van === undefined ? '' : ` in van ${van}`}: ${text}`)
    if (why !== undefined && wrong === undefined && missing.length === 0)
      await cli.output.line('nothing is missing')
  }
  return why === undefined ? Exit.Done : Exit.Error
}

/** The unreadable parts, by name. */
async function missingOf(folder: string, { wrong, broken, damages }: Probed): Promise<MissingInVan[]> {
  if (wrong !== undefined || (broken === undefined && damages.length === 0)) return []
  const { PageFile } = await import('../../../store/page-file.js')
  const { readSnapshot } = await import('../../../store/snapshot.js')
  const { SnapshotStore } = await import('../../../store/snapshot-store.js')
  const { missingIn } = await import('../../../host/store/accounts.js')
  const file = new PageFile(join(folder, 'data.mdb'))
  try {
    const snapshot = readSnapshot(file, false)
    return missingIn(new SnapshotStore(file, snapshot), snapshot.damages)
  } finally {
    file.close()
  }
}

async function info(cli: Cli, path: string, isJson: boolean): Promise<number> {
  const { existingStore } = await import('../../../store/compact.js')
  const { probe } = await import('../../../store/probe.js')
  const folder = existingStore(path)
  const { wrong, broken, format = 0, chunks, tables } = await probe(folder, { isBrief: true })
  const why = wrong ?? (tables === undefined ? broken : undefined)
  if (why !== undefined) throw new StoreError(`The store in ${folder} is damaged: ${why}.`)
  const fileBytes = statSync(join(folder, 'data.mdb')).size
  if (isJson) {
    await cli.output.json(
      JSON.stringify({ kind: 'lmdb', folder, format, fileBytes, chunks, records: tables }),
    )
    return Exit.Done
  }
  const of = (table: string): number => tables?.[table] ?? 0
  await cli.output.lines([
    `folder         ${folder}`,
    `format         ${format}`,
    `size           ${(fileBytes / 1024 / 1024).toFixed(1)} MiB`,
    `pieces         ${chunks}`,
    `subscriptions  ${of('subscriptions')}`,
    `dead letters   ${of('letters')}`,
    `publishers     ${of('publishers')}`,
    `handlers       ${of('handlers')}`,
    `actors         ${of('actors')}`,
  ])
  return Exit.Done
}

async function compact(cli: Cli, path: string, isJson: boolean): Promise<number> {
  const { compactStore } = await import('../../../store/compact.js')
  const sizes = await compactStore(path)
  if (isJson) await cli.output.json(JSON.stringify(sizes))
  else cli.talk(`${sizes.before} bytes are now ${sizes.after}`)
  return Exit.Done
}
