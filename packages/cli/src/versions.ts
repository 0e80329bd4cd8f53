import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Versions that decide a result: Node, ours, and the library that runs the networks. */
export function versions(): Record<string, string> {
  return {
    node: process.versions.node,
    espalier: packageVersion(import.meta.url) ?? 'unknown',
    'onnxruntime-node': resolved('onnxruntime-node') ?? 'missing',
  }
}

function resolved(name: string): string | undefined {
  try {
    return packageVersion(import.meta.resolve(name))
  } catch {
    return undefined
  }
}

/** The version in the nearest package.json above a module. */
function packageVersion(url: string): string | undefined {
  for (let folder = dirname(fileURLToPath(url)); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (!existsSync(file)) continue
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version?: string }
    if (version) return version
  }
  return undefined
}
