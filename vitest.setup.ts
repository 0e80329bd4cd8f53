import fc from 'fast-check'

/** Properties are tried with the same cases in every run; `SEED=2 npx vitest run` tries others. */
fc.configureGlobal({ seed: Number(process.env.SEED ?? 1) })
