/** `--quick`: shorter rounds and fewer of them, to see that a bench runs; its figures say little. */
export const quick = process.argv.includes('--quick')
