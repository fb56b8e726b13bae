import type { Bus } from './bus/bus.js'

/**
 * A process that is told to end (SIGTERM: by a service manager, a container's end, `kill`) finishes what its buses have in
 * hand first: they are closed, which drains them, and then the signal does what it would have done. A second SIGTERM ends the process
 * at once. An app that listens to SIGTERM itself decides for itself: nothing is done here.
 */
const open = new Set<Pick<Bus, 'close'>>()
let isDraining = false

export function drainOnSigterm(bus: Pick<Bus, 'close' | 'state$'>): void {
  if (open.size === 0) process.on('SIGTERM', drain)
  open.add(bus)
  bus.state$.subscribe({ complete: () => forget(bus) })
}

function forget(bus: Pick<Bus, 'close'>): void {
  open.delete(bus)
  // While draining the listener holds off the end: drain() takes it away itself.
  if (open.size === 0 && !isDraining) process.off('SIGTERM', drain)
}

function drain(): void {
  if (process.listenerCount('SIGTERM') > 1) return
  if (isDraining) return end()
  isDraining = true
  void Promise.allSettled([...open].map(bus => bus.close())).then(end)
}

function end(): void {
  process.off('SIGTERM', drain)
  process.kill(process.pid, 'SIGTERM')
}
