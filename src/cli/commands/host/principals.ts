import type { Command } from 'commander'
import type { FlagRight, RootRight, RuleRight } from '../../../host/rights/definition.js'
import type { Cli } from '../../cli.js'
import type { CredentialOptions } from '../../work/given-credential.js'
import { Exit } from '../../exit.js'
import { every, expiry } from '../../options/values.js'

interface FileOptions {
  principals?: string
  json?: boolean
}

type AddOptions = FileOptions &
  Partial<Record<RuleRight | RootRight | 'enter', string[]>> &
  Partial<Record<FlagRight, boolean>> &
  CredentialOptions & { expires?: string; limit?: string[]; over?: string }

/** A subcommand of `principals`, with the option for its file. */
type Subcommand = (name: string, summary: string, description: string) => Command

/** `msgvan token NAME`. */
export function addToken(program: Command, cli: Cli): void {
  program
    .command('token')
    .summary('make a token for a principal')
    .description(
      'Make a token for a principal, and the credential that belongs into the file of principals. The token goes to standard output, and nothing keeps it.',
    )
    .argument('<name>', "the principal's name")
    .option('--json', 'print {"token":…,"credential":…}')
    .addHelpText(
      'after',
      `
Examples:
  msgvan token orders > orders.token    the credential shows on the terminal
  msgvan principals add orders          make the token and write the file too`,
    )
    .action(
      cli.action<FileOptions>(async (_, { json = false }, [name = '']) => {
        const { newToken } = await import('../../../host/rights/principals-edit.js')
        const made = await newToken(name)
        if (json) await cli.output.json(JSON.stringify(made))
        else {
          cli.talk(`credential: ${JSON.stringify(made.credential)}`)
          await cli.output.line(made.token)
        }
        return Exit.Done
      }),
    )
}

/** `msgvan principals list|check|add|revoke`: who may do what at a host. */
export function addPrincipals(program: Command, cli: Cli): void {
  const principals = program
    .command('principals')
    .summary('list, check, add or revoke principals')
    .description(
      'The file of principals: who may do what at a host. A host reads it anew when it changes. A host that started without the file reads it when it restarts.',
    )
    // With their arguments they would take half of the width.
    .configureHelp({ subcommandTerm: each => each.name() })
    .addHelpText(
      'after',
      `
Examples:
  msgvan principals add orders --publish 'orders\\..*' --expires 90d
  msgvan principals add web --jwt-issuer https://id.acme.com \\
    --jwt-audience msgvan --jwt-keys jwks.json --jwt-claim role=web
  msgvan principals check orders publish orders.eu
  msgvan principals revoke orders`,
    )
  principals.action(() => principals.error('which? One of: list, check, add, revoke'))
  const command: Subcommand = (name, summary, description) =>
    principals
      .command(name)
      .summary(summary)
      .description(description)
      .option('--principals <file>', 'the file (MSGVAN_PRINCIPALS, default in the state folder)')

  command(
    'list',
    'show each with its rights and tokens',
    'Show each principal with its rights and its tokens, certificates and JWTs.',
  )
    .argument('[name]', 'only this one')
    .option('--json', 'one JSON object a line')
    .action(
      cli.action<FileOptions>(async (_, options, [name]) => {
        const { listPrincipals } = await import('../../work/principals-work.js')
        return listPrincipals(cli, options.principals, name, options.json === true)
      }),
    )
  addCheck(command, cli)
  addAdd(command, cli)
  command(
    'revoke',
    'take a token or all tokens from one',
    'Take a token, a certificate or the JWTs of an issuer from a principal, or all of these. Its sessions end within a second. Its rights stay in the file.',
  )
    .argument('<name>', "the principal's name")
    .argument('[token]', 'the id, as `list` shows it; without it, all of them')
    .option('--json', 'print {"revoked":…}')
    .action(
      cli.action<FileOptions>(async (_, options, [name = '', token]) => {
        const { revoke } = await import('../../work/principals-work.js')
        return revoke(cli, options.principals, name, token, options.json === true)
      }),
    )
}

function addCheck(command: Subcommand, cli: Cli): void {
  command(
    'check',
    'whether a principal may do something',
    'Whether a principal may do something: `publish` or `subscribe` a topic, `names` or `deadLetters` a subscription, `expose` or `observe` an observable, enter `vans`, load a module from `actors` or `handlers`, `join`, `admin`. Exit code 1 if not.',
  )
    .argument('<name>', "the principal's name")
    .argument('<right>', 'such as publish')
    .argument('[text]', 'the topic, name, van or module')
    .action(
      cli.action<FileOptions>(async (_, options, [name = '', right = '', text]) => {
        const { checkPrincipal } = await import('../../work/principals-work.js')
        return checkPrincipal(cli, options.principals, name, right, text)
      }),
    )
}

function addAdd(command: Subcommand, cli: Cli): void {
  command(
    'add',
    'add one, or rights and a token to one',
    'Add a principal, or rights and one more token to a principal that is there. The token goes to standard output, and nothing keeps it. A certificate or a JWT can take the place of the token. An expression matches the whole text. Options may repeat.',
  )
    .argument('<name>', "the principal's name")
    .option('--enter <regexp>', 'the vans that it may enter (default for a new one: default)', every)
    .option('--publish <regexp>', 'topics to publish', every)
    .option('--subscribe <regexp>', 'topics to receive', every)
    .option('--names <regexp>', 'named subscriptions to use', every)
    .option('--dead-letters <regexp>', 'subscriptions whose dead letters it may see', every)
    .option('--expose <regexp>', 'remote observables to expose', every)
    .option('--observe <regexp>', 'remote observables to observe', every)
    .option('--actors <folder>', 'actors from modules below this folder', every)
    .option('--handlers <folder>', 'handlers from modules below this folder', every)
    .option('--limit <name=number>', 'such as publishes=100 (a second), bytes, connections', every)
    .option('--over <wait|refuse>', 'what a publish over a limit does (default: wait)')
    .option('--join', 'may join as a host')
    .option('--admin', 'may see the status of others and stop the host')
    .option('--certificate <file>', 'no token: the client with this certificate')
    .option(
      '--certificate-subject <text>',
      "no token: clients with this subject, such as 'O=Acme, CN=orders'",
    )
    .option('--certificate-ca <file>', 'their authority, PEM')
    .option('--jwt-issuer <text>', 'no token: JWTs of this issuer')
    .option('--jwt-audience <text>', 'their audience')
    .option('--jwt-keys <file>', "the issuer's public keys: a JWKS, a JWK or PEM")
    .option('--jwt-claim <name=value>', 'a claim that they have', every)
    .option('--expires <when>', 'a date, or a time from now such as 90d or 12h', expiry)
    .option('--json', 'print {"token":…,"id":…}')
    .action(
      cli.action<AddOptions>(async (_, options, [name = '']) => {
        const { principals, json = false, expires, ...rights } = options
        const { add } = await import('../../work/principals-work.js')
        const { givenCredential } = await import('../../work/given-credential.js')
        return add(
          cli,
          principals,
          name,
          { rights, credential: await givenCredential(options), expires },
          json,
        )
      }),
    )
}
