/**
 * Builds after `npm install` in a checkout, and before `npm pack`. `npx msgvan` in a checkout has npm run this too, each time:
 * then what is built is good enough, and a command must not wait for the compiler.
 */
import { execSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'

const isNpx = process.env.npm_command === 'exec'
if (!isNpx || !existsSync('dist/node/cli/main.js')) execSync('npm run build', { stdio: 'inherit' })
