import type { CapabilityValues } from '../bus/contract/actors.js'
import { ActorStartError, describe } from '../errors.js'
import { ACTOR, type ActorDefinition, type Actor } from './definition/actor.js'
import { ActorRun } from './actor-run.js'
import { missing, type Requirements } from './definition/requirements.js'
import { connect, end, listen, loadExport, say, task } from './worker-side.js'
import type { ActorTask } from './worker-messages.js'

/**
 * The worker's entry. It loads the actor's module and checks that this host meets its requirements. On `go` it makes
 * the actor, which consumes its mailbox.
 */

type Loaded = (new (args: unknown) => Actor) | ActorDefinition

const isActor = (exported: unknown): boolean =>
  ((typeof exported === 'object' && exported !== null) || typeof exported === 'function') &&
  ACTOR in exported &&
  exported[ACTOR] === true

function requirementsOf(actor: Loaded): Requirements {
  return (actor as { requires?: Requirements }).requires ?? {}
}

/** The requirements that can cross to others. */
function valuesOf(requires: Requirements): CapabilityValues | undefined {
  try {
    return typeof requires === 'function' ? undefined : structuredClone(requires)
  } catch {
    return undefined
  }
}

function judge(actor: Loaded, capabilities: ActorTask['capabilities']): string | undefined {
  try {
    return missing(requirementsOf(actor), capabilities)
  } catch (error) {
    return `an answer of its function, which threw ${describe(error)}`
  }
}

/**
 * In JavaScript no compiler has checked it.
 *
 * @throws ActorStartError
 */
function able(actor: Actor, { export: exported }: ActorTask): Actor {
  // Known only once it is made: each instance may have it as a field.
  const { receive } = actor as { receive?: unknown }
  if (typeof receive === 'function') return actor
  throw new ActorStartError(
    `its class ${exported} has no method receive(message, context), so that nothing would take its messages. Add it, or use defineActor().`,
  )
}

function serve(actor: Loaded, actorTask: ActorTask): void {
  const run = new ActorRun(actorTask, connect(), say)
  const failed = (error: unknown): void => {
    say({ kind: 'failed', message: describe(error) })
    process.exit(1)
  }
  listen(words => {
    switch (words.kind) {
      case 'go': {
        const make =
          typeof actor === 'function'
            ? () => run.begin(able(new actor(run.args), actorTask))
            : () => run.begin({ setup: context => actor.setup(context) })
        Promise.resolve()
          .then(make)
          .then(() => say({ kind: 'running' }))
          .catch(failed)
        return
      }
      case 'subscriptions':
        run
          .subscribe(words.subscriptions)
          .catch((error: unknown) => say({ kind: 'log', level: 'warning', text: describe(error) }))
          .finally(() => say({ kind: 'subscribed' }))
        return
      case 'capabilities': {
        const lacks = judge(actor, words.capabilities)
        if (lacks !== undefined) say({ kind: 'unfit', missing: lacks })
        return
      }
      case 'stop':
        run
          .end()
          .catch((error: unknown) => say({ kind: 'log', level: 'warning', text: describe(error) }))
          .finally(end)
    }
  })
}

const exported = await loadExport('actor', isActor)
if (exported !== undefined && task.kind === 'actor') {
  const actor = exported as Loaded
  const lacks = judge(actor, task.capabilities)
  if (lacks !== undefined) {
    const requires = valuesOf(requirementsOf(actor))
    say({ kind: 'unfit', missing: lacks, ...(requires === undefined ? {} : { requires }) })
  } else {
    say({ kind: 'loaded' })
    serve(actor, task)
  }
}
