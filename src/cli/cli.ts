import type { Command } from 'commander'
import type { MsgvanError } from '../errors.js'
import { checkHomeSetting } from '../state/paths.js'
import { escapeControls } from '../log/escape-controls.js'
import { Exit, lineOf, oneLine } from './exit.js'
import { globalsOf, type Globals } from './options/globals.js'
import { Interrupt } from './interrupt.js'
import { Output } from './text/output.js'

/** The common part of all commands: where data and messages go, which signals stop them, and how they end. */
export class Cli {
  readonly output = new Output()
  #interrupt: Interrupt | undefined
  exit: number = Exit.Done
  /** The command's name, if the command line has one. */
  command: string | undefined

  /** From the first call on, signals do not end the process: they abort this. */
  get interrupt(): Interrupt {
    return (this.#interrupt ??= new Interrupt())
  }

  /** One line for people, on standard error. Every command reports through it, and the text cannot steer a terminal. */
  talk(text: string): void {
    // eslint-disable-next-line no-restricted-syntax -- the place for it
    process.stderr.write(`msgvan: ${escapeControls(oneLine(text))}\n`)
  }

  /** Reports an error that ends the command. @returns its exit code */
  fail(error: MsgvanError, exit = Exit.Error): number {
    this.talk(lineOf(error) ?? '')
    return exit
  }

  /** An action for commander that ends with an exit code. `Options` are the command's own. */
  action<Options extends object>(
    act: (globals: Globals, options: Options, operands: string[]) => Promise<number>,
  ): (this: Command) => Promise<void> {
    const end = (code: number): void => {
      this.exit = code
    }
    return async function (this: Command) {
      checkHomeSetting()
      end(await act(await globalsOf(this), optionsOf<Options>(this), this.args))
    }
  }
}

/** If a command and its subcommand both have an option, commander gives it to the command, wherever it stands. */
function optionsOf<Options extends object>(command: Command): Options {
  const { parent } = command
  const above = parent?.parent == null ? {} : parent.opts()
  return { ...above, ...command.opts<Options>() }
}
