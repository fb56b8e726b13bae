#!/usr/bin/env node
import module from 'node:module'

// Node 22 and later keep what they compiled, if asked to before it is loaded.
const { enableCompileCache } = module as { enableCompileCache?: () => unknown }
enableCompileCache?.()
const { run } = await import('./program.js')

// Whatever a command left open must not keep the process: its work is done and its output written.
process.exit(await run(process.argv.slice(2)))
