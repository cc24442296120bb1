// Numbers, times and identifiers as people read them.

/** A number with a comma between each three digits. */
export function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `1 call`, `2,000 calls`. */
export function count(number, word) {
  return `${grouped(number)} ${word}${number === 1 ? "" : "s"}`;
}

/** Cycles in T (trillions), of a decimal number of any length: `99.998 T`. */
export function trillions(cycles) {
  const thousandths = (BigInt(cycles) + 500_000_000n) / 1_000_000_000n;
  const whole = grouped(thousandths / 1000n);
  const rest = String(thousandths % 1000n).padStart(3, "0");
  if (thousandths === 0n && BigInt(cycles) > 0n) return "< 0.001 T";
  return `${whole}.${rest} T`;
}

/** Bytes with a unit. */
export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = Number(number);
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A time in milliseconds: in seconds if it is long. */
export function duration(milliseconds) {
  if (milliseconds >= 100) return `${grouped(Math.floor(milliseconds / 1000))}.${Math.floor(milliseconds / 100) % 10} s`;
  if (milliseconds >= 1) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds > 0) return `${Math.max(1, Math.round(milliseconds * 1000))} us`;
  return "0 s";
}

/** A principal, shortened to its two ends. */
export function shortId(id) {
  const parts = String(id).split("-");
  return parts.length > 4 ? `${parts[0]}…${parts[parts.length - 1]}` : String(id);
}

/** A text that is not longer than this number of characters. */
export function shortened(text, most) {
  return text.length > most ? `${text.slice(0, most)}… (${grouped(text.length)} characters)` : text;
}

/** Why the system refuses calls: in a few words, and in a sentence for those who hear of it for the first time. */
export function refusal(limit, callee) {
  if (/^cycles/.test(limit)) {
    return { short: "too few cycles", why: "The caller has too few cycles to set aside for another open call." };
  }
  if (/^callbacks/.test(limit)) {
    return { short: "no free callback", why: "The caller has as many open calls as a canister can have." };
  }
  if (/^memory/.test(limit)) {
    return { short: "no memory for messages", why: "The subnet has no memory for another message." };
  }
  return {
    short: `no free slot to ${callee}`,
    why: `At most 500 calls from one canister to ${callee} can be open. The system refuses the next ones at once.`,
    isSlots: true,
  };
}
