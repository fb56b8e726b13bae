/** Windows has no process groups: there, what an actor's process started outlives it. */
export const hasGroups = process.platform !== 'win32'

/** Ends all that the process with that pid started, itself included, but for what has made a group of its own. */
export function killGroup(pid: number): void {
  if (!hasGroups) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is in it any more.
  }
}
