import type { Command } from 'commander'

/** `msgvan help sub`: commander's own command would answer an unknown name with the whole page. */
export function addHelp(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .summary('the same as --help')
    .description('Describe a command, like `msgvan <command> --help`.')
    .argument('[command]', 'a command that `msgvan help` lists')
    .addHelpText('after', '\nExamples:\n  msgvan help sub')
    .action((name: string | undefined) => {
      const command = name === undefined ? program : program.commands.find(each => each.name() === name)
      if (command === undefined) program.error(`unknown command '${String(name)}'`)
      else command.help()
    })
}
