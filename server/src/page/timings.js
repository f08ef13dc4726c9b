// Times of stages, as bars on one scale.

import { el } from "./dom.js";

const rowOf = (name, ms, scale, kind = "") => {
  const bar = el("i");
  bar.style.width = `${Math.min(100, (100 * ms) / (scale || 1))}%`;
  return [
    el("dt", { class: kind }, name),
    el("dd", { class: "bar", "aria-hidden": "true" }, bar),
    el("dd", { class: `ms ${kind}` }, `${ms.toFixed(2)} ms`),
  ];
};

/**
 * The stages that took time, and their total.
 *
 * @param scale - the time that fills a bar, in ms; that of the longer side where two
 *   are set side by side.
 */
export function timingsNode({ total, first_byte: _, ...stages }, scale = total) {
  const taken = Object.entries(stages).filter(([, ms]) => ms > 0);
  return el(
    "dl",
    { class: "timings" },
    taken.map(([name, ms]) => rowOf(name, ms, scale)),
    rowOf("total", total, scale, "total"),
  );
}
