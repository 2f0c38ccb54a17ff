/** Loaded before a program: its clock is wrong by `TEST_CLOCK_SHIFT_MS`, in its times, not in its timers. */
const shiftMs = Number(process.env["TEST_CLOCK_SHIFT_MS"]);
const rightNow = Date.now.bind(Date);

class ShiftedDate extends Date {
  constructor(...parts: readonly []) {
    super(...((parts.length === 0 ? [rightNow() + shiftMs] : parts) as readonly [number]));
  }

  static override now(): number {
    return rightNow() + shiftMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
