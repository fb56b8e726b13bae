import type { Command } from 'commander'
import { InvalidOptionError } from '../../errors.js'
import { newPrincipalToken, readPrincipalToken } from '../../wire/principal-token.js'
import { storedToken } from '../../wire/scram.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'

export function addToken(program: Command, cli: Cli): void {
  program
    .command('token')
    .summary('make a token for a principal')
    .description(
      'Make a token for a principal, and the credential that goes into the file of principals. The token is shown once: the file cannot give it back.',
    )
    .argument('<name>', 'of the principal')
    .option('--json', 'print {"token":…,"credential":…}')
    .action(
      cli.action<{ json?: boolean }>((_, options, [name = '']) => token(cli, name, options.json === true)),
    )
}

async function token(cli: Cli, name: string, json: boolean): Promise<number> {
  const text = newPrincipalToken(name)
  const read = readPrincipalToken(text)
  if (read === undefined)
    throw new InvalidOptionError('The name of a principal has 1 to 64 letters, digits and _ . @ -.')
  const { id, ...stored } = await storedToken(read)
  const credential = { token: id, ...stored }
  if (!json) cli.talk(`credential: ${JSON.stringify(credential)}`)
  await cli.output.json(JSON.stringify(json ? { token: text, credential } : text))
  return Exit.Done
}
