/** The words of a text in order, in lower case: runs of letters, with apostrophes inside (`thou`, `lord's`). */
export function wordsOf(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replaceAll('’', "'")
      .match(/\p{L}+(?:'\p{L}+)*/gu) ?? []
  )
}

/** The lines of a text that hold a word. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => /\p{L}/u.test(line))
}
