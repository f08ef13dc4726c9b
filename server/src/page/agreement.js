// How much two rankings agree, as numbers with names.

/** How far down agreement counts: at .9 the first ten ranks have 86 % of the weight. */
export const PERSISTENCE = 0.9;

/** Passages in both of two rankings of keys. */
export function overlap(a, b) {
  const known = new Set(a);
  return b.filter((key) => known.has(key)).length;
}

/**
 * Rank-biased overlap of two rankings without repeats, extrapolated: 1 for the same
 * order, 0 for nothing in common, null where both are empty.
 *
 * Source: Webber, Moffat and Zobel, A similarity measure for indefinite rankings,
 * TOIS 28(4), 2010, equation 32, which lets the rankings differ in length.
 */
export function rankBiasedOverlap(a, b, p = PERSISTENCE) {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const [s, l] = [short.length, long.length];
  if (l === 0) return null;
  if (s === 0) return 0;
  const seen = new Set();
  let common = 0;
  let commonOfShort = 0;
  let sum = 0;
  for (let depth = 1; depth <= l; depth++) {
    for (const key of new Set([long[depth - 1], short[depth - 1]])) {
      if (key === undefined) continue;
      // Met before: in the other ranking, as neither repeats itself.
      if (seen.has(key)) common++;
      seen.add(key);
    }
    if (depth <= s && long[depth - 1] === short[depth - 1]) common++;
    if (depth === s) commonOfShort = common;
    sum += (common / depth) * p ** depth;
    if (depth > s) sum += ((commonOfShort * (depth - s)) / (s * depth)) * p ** depth;
  }
  return ((1 - p) / p) * sum + ((common - commonOfShort) / l + commonOfShort / s) * p ** l;
}
