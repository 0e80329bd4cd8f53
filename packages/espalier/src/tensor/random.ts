/** A 64-bit stream key: two unsigned 32-bit words. Derived, never drawn. */
export interface Key {
  readonly hi: number
  readonly lo: number
}
