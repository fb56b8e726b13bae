import type { Command } from 'commander'
import { StoreError } from '../errors.js'
import type { Probed } from '../store/probe.js'
import type { Cli } from './cli.js'
import { Exit } from './exit.js'

interface Options {
  json?: boolean
}

/** `msgvan store check|info|compact`: the folder where a host keeps what it owes. */
export function addStore(program: Command, cli: Cli): void {
  const store = program
    .command('store')
    .summary("check, describe or compact a host's store")
    .description(
      'The folder where a host keeps what it owes (`msgvan host --store`). `check` and `info` may run beside that host; `compact` needs it stopped.',
    )
    .addHelpText(
      'after',
      `
Examples:
  msgvan store info /var/lib/msgvan
  msgvan store compact /var/lib/msgvan`,
    )
  store.action(() => store.error('which? One of: check, info, compact'))
  const command = (
    name: string,
    description: string,
    run: (cli: Cli, folder: string, isJson: boolean) => Promise<number>,
  ): Command =>
    store
      .command(name)
      .description(description)
      .argument('<folder>', 'as given to the host')
      .option('--json', 'as one JSON object')
      .action(cli.action<Options>((_, { json = false }, [folder = '']) => run(cli, folder, json)))

  command('check', 'Read it all and compare checksums. Exit code 1 if anything is wrong.', check)
  command('info', 'Say how much is in it.', info)
  command('compact', 'Give room that was freed back to the disk.', compact)
}

async function check(cli: Cli, path: string, isJson: boolean): Promise<number> {
  const { existingStore } = await import('../store/compact.js')
  const { probe } = await import('../store/probe.js')
  const { whatIsWrongInFile } = await import('../store/data-file.js')
  const { refuseNewer } = await import('../store/open-store.js')
  const folder = existingStore(path)
  const torn = whatIsWrongInFile(folder)
  const found: Probed =
    torn === undefined
      ? await probe(folder, { isBrief: false })
      : { chunks: 0, messages: 0, records: 0, wrong: torn }
  refuseNewer(folder, found)
  if (isJson) await cli.output.line(JSON.stringify(found))
  else
    await cli.output.line(
      `${found.messages} messages in ${found.chunks} pieces, ${found.records} records: ${found.wrong ?? 'all as written'}`,
    )
  return found.wrong === undefined ? Exit.Done : Exit.Error
}

async function info(cli: Cli, path: string, isJson: boolean): Promise<number> {
  const { existingStore } = await import('../store/compact.js')
  const { whatIsWrongInFile } = await import('../store/data-file.js')
  const { LmdbStore } = await import('../store/lmdb-store.js')
  const { FreeSpace } = await import('../store/free-space.js')
  const folder = existingStore(path)
  const torn = whatIsWrongInFile(folder)
  if (torn !== undefined) throw new StoreError(`The store in ${folder} is damaged: ${torn}.`)
  const store = await LmdbStore.open({ folder, space: new FreeSpace(folder), readOnly: true })
  try {
    const found = store.info()
    if (isJson) await cli.output.line(JSON.stringify(found))
    else {
      const { subscriptions, letters, publishers, handlers, actors } = found.records
      await cli.output.line(
        [
          `folder         ${folder}`,
          `format         ${found.format}`,
          `size           ${(found.fileBytes / 1024 / 1024).toFixed(1)} MiB`,
          `pieces         ${found.chunks}`,
          `subscriptions  ${subscriptions}`,
          `dead letters   ${letters}`,
          `publishers     ${publishers}`,
          `handlers       ${handlers}`,
          `actors         ${actors}`,
        ].join('\n'),
      )
    }
  } finally {
    await store.close()
  }
  return Exit.Done
}

async function compact(cli: Cli, path: string, isJson: boolean): Promise<number> {
  const { compactStore } = await import('../store/compact.js')
  const sizes = await compactStore(path)
  if (isJson) await cli.output.line(JSON.stringify(sizes))
  else cli.talk(`${sizes.before} bytes are now ${sizes.after}`)
  return Exit.Done
}
