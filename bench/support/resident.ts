import { readFile } from 'node:fs/promises'
import { quick } from './flags.js'
import { summarize } from './statistics.js'

const SAMPLES = quick ? 3 : 9

/** For a Node that collects its garbage when it is told to. */
export const collecting = [
  '--expose-gc',
  '--import',
  `data:text/javascript,process.on('SIGUSR2',()=>globalThis.gc())`,
]

/** Resident memory of a process started with `collecting`, as the system counts it, garbage collected first. */
export async function residentBytes(pid: number): Promise<number> {
  const samples: number[] = []
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    process.kill(pid, 'SIGUSR2')
    await new Promise(resolve => setTimeout(resolve, 100))
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    if (kilobytes === undefined) throw new Error(`no resident memory to be read of process ${pid}`)
    samples.push(Number(kilobytes) * 1024)
  }
  return summarize(samples).median
}

export const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`
