/** How a row of a call is named in errors, such as `rollout 17`. */
export type NameSample = (row: number) => string

export const sampleName: NameSample = (row) => `sample ${row}`

/** What a reward did wrong, and on which rows of the call: whoever knows the rows by better names can say it again. */
export class RewardError extends Error {
  override readonly name = 'RewardError'
  /** The sentence, given the name of the rows. */
  readonly complaint: (which: string) => string
  /** First of the rows, counted in the call. */
  readonly first: number
  /** How many; more than one where a batch failed as a whole. */
  readonly count: number

  constructor(
    complaint: (which: string) => string,
    rows: { readonly first: number; readonly count: number },
    { nameSample = sampleName, ...options }: ErrorOptions & { readonly nameSample?: NameSample } = {},
  ) {
    const { first, count } = rows
    super(complaint(count === 1 ? nameSample(first) : `${count} samples from ${nameSample(first)} on`), options)
    this.complaint = complaint
    this.first = first
    this.count = count
  }

  /** The same of a call in which these rows stand `by` later, or have other names. */
  moved(by: number, nameSample?: NameSample): RewardError {
    const rows = { first: this.first + by, count: this.count }
    return new RewardError(this.complaint, rows, { cause: this.cause, nameSample })
  }
}
