/** Hands the person a file. */
export function download(name: string, content: string | Uint8Array): void {
  const type = typeof content === 'string' ? 'application/json' : 'application/zip'
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content as string | Uint8Array<ArrayBuffer>], { type }))
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
