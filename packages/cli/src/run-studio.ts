/** `espalier studio`: the app, and a server for it on this machine; or the app as files. */

import { spawn } from 'node:child_process'
import { cpSync, existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { UserError } from './errors.ts'
import { type ServerOptions, serveUntilAsked } from './run-serve.ts'
import { upToDateStudio } from './studio-app.ts'

export interface StudioOptions extends ServerOptions {
  readonly open: boolean
  readonly out?: string
}

/** Resolves when it has ended. @throws UserError where it cannot start */
export async function runStudio({ open, out, ...options }: StudioOptions): Promise<void> {
  const say = (text: string) => process.stderr.write(`${text}\n`)
  if (out !== undefined && existsSync(out) && readdirSync(out).length > 0) {
    throw new UserError(`${out} is not empty; --out names a new folder`)
  }
  const pages = await upToDateStudio(say)
  if (out !== undefined) {
    cpSync(pages, out, { recursive: true })
    process.stdout.write(
      `The Studio is in ${resolve(out)}: files for any host, which need not send any headers (its service worker does).\n`,
    )
    return
  }
  await serveUntilAsked({ ...options, host: '127.0.0.1', pages }, ({ url, invitation }) => {
    const address = invitation === undefined ? `${url}/` : `${url}/#token=${invitation}`
    process.stdout.write(`Studio at ${address} (runs in ${options.runs}). Ctrl-C ends it and keeps what runs.\n`)
    if (open) show(address, say)
  })
}

const openers: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  // What `start` does, without a shell that reads the address.
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** Opens a page in the person's own browser, if there is one. */
function show(address: string, say: (text: string) => void): void {
  const [command, ...words] = openers[process.platform] ?? ['xdg-open']
  const complain = () => say(`No browser could be opened (${command}); open the address above yourself.`)
  const child = spawn(command, [...words, address], { stdio: 'ignore', detached: true })
  child.on('error', complain)
  child.on('exit', (code) => {
    if (code !== 0) complain()
  })
  child.unref()
}
