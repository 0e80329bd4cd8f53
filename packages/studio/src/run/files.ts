/** A picture as a PNG. @throws one line where the browser cannot make one */
export function png(canvas: HTMLCanvasElement): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob) blob.arrayBuffer().then((buffer) => resolve(new Uint8Array(buffer)), reject)
      else reject(new Error('this browser could not make a PNG of it'))
    })
  })
}

/** Texts as the name of a file. */
export function fileName(...parts: readonly string[]): string {
  return parts
    .map((part) => part.replace(/[^\w.-]+/g, '-').replace(/^-+|-+$/g, ''))
    .filter(Boolean)
    .join('-')
}
