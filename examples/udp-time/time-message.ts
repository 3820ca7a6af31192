/** The time as four bytes: seconds since 1900, as the Time Protocol (RFC 868) sends it. */

/** Seconds from 1900 to 1970, where the clocks of today begin. */
const BEFORE_1970 = 2_208_988_800;
/** As many seconds as four bytes can tell apart; the first time round ends in 2036. */
const ROUND = 2 ** 32;

export function encodeTime(time: Date): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE((Math.floor(time.getTime() / 1000) + BEFORE_1970) % ROUND);
  return bytes;
}

/** @param near - which time round: the one that is nearest to this. @returns `null`: that is no time. */
export function decodeTime(bytes: Buffer, near: Date): Date | null {
  if (bytes.length !== 4) return null;
  const seconds = bytes.readUInt32BE() - BEFORE_1970;
  const rounds = Math.round((near.getTime() / 1000 - seconds) / ROUND);
  return new Date(1000 * (seconds + rounds * ROUND));
}
