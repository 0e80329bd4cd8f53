/** CPU time in seconds that this process has used, all its threads: what other work on the machine changes little. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
