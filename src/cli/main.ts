#!/usr/bin/env node
import module from 'node:module'

// Node 22 and later keep compiled code, if they are asked before it loads.
const { enableCompileCache } = module as { enableCompileCache?: () => unknown }
enableCompileCache?.()
const { notUtf8 } = await import('./utf8-arguments.js')
const wrongArgument = notUtf8()
const { hideToken } = await import('./hide-token.js')
hideToken()
const { run } = await import('./program.js')

// Open handles of a command must not keep the process: its work is done and its output written.
process.exit(await run(process.argv.slice(2), wrongArgument))
