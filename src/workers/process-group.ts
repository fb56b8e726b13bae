/** Windows has no process groups: there, the child processes of an actor's process outlive it. */
export const hasGroups = process.platform !== 'win32'

/** Ends the process with that pid and all its child processes, except those in a group of their own. */
export function killGroup(pid: number): void {
  if (!hasGroups) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group is empty.
  }
}
