#!/usr/bin/env node
import { run } from './program.js'

// Whatever a command left open must not keep the process: its work is done and its output written.
process.exit(await run(process.argv.slice(2)))
