/**
 * Overwrites the value of `--token` in the command line that the system shows every user: a host and `msgvan sub` run
 * for long.
 */
export function hideToken(argv: readonly string[] = process.argv): void {
  const shown = argv.map((word, at) => {
    if (argv[at - 1] === '--token') return '*'.repeat(word.length)
    return word.startsWith('--token=') ? `--token=${'*'.repeat(word.length - '--token='.length)}` : word
  })
  if (shown.some((word, at) => word !== argv[at])) process.title = shown.join(' ')
}
