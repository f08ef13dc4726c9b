// Stages as a picture: boxes in the order things pass them, arrows between.

import { el, svg } from "./dom.js";

const MARKS = {
  passed: ["\u2713", "passed"],
  lost: ["\u2715", "lost here"],
  missed: ["\u2013", "not found"],
  unreached: ["\u00B7", "not reached"],
};

const WIDTH = 132;
const EDGE = 5;

/** Ranks on a logarithmic scale: what matters happens at the top. */
const xOf = (rank, of) => EDGE + ((WIDTH - 2 * EDGE) * Math.log(rank)) / Math.log(Math.max(2, of));

/** Labels at the ends of the scale stay within it. */
function labelPlace(tick, of) {
  if (tick === 1) return { x: 0, "text-anchor": "start" };
  if (tick === of) return { x: WIDTH, "text-anchor": "end" };
  return { x: xOf(tick, of), "text-anchor": "middle" };
}

/** A scale of ranks with a dot; the text beside it says the same. */
function trackNode({ rank, of, from, limit }) {
  const ticks = [1, 10, 100, 1000].filter((tick) => tick <= of);
  const y = 9;
  return svg(
    "svg",
    { class: "track", viewBox: `0 0 ${WIDTH} 30`, width: WIDTH, height: 30, "aria-hidden": "true" },
    svg("line", { class: "axis", x1: EDGE, x2: WIDTH - EDGE, y1: y, y2: y }),
    ticks.map((tick) => [
      svg("line", { class: "axis", x1: xOf(tick, of), x2: xOf(tick, of), y1: y - 3, y2: y + 3 }),
      svg("text", { y: 27, ...labelPlace(tick, of) }, String(tick)),
    ]),
    limit ? svg("line", { class: "limit", x1: xOf(limit, of), x2: xOf(limit, of), y1: 1, y2: 17 }) : null,
    from && from !== rank ? [
      svg("line", { class: "moved", x1: xOf(from, of), x2: xOf(rank, of), y1: y, y2: y }),
      svg("circle", { class: "from", cx: xOf(from, of), cy: y, r: 4 }),
    ] : null,
    svg("circle", { class: "at", cx: xOf(rank, of), cy: y, r: 4.5 }),
  );
}

function stageNode({ name, mark, head, tracks = [], notes = [] }) {
  const [sign, told] = MARKS[mark] ?? [];
  return el(
    "div",
    { class: `stage ${mark ?? ""}` },
    el("p", { class: "stage-name" }, name),
    el(
      "p",
      { class: "stage-head" },
      sign ? el("span", { class: "sign" }, el("span", { "aria-hidden": "true" }, `${sign} `), el("span", { class: "visually-hidden" }, `${told}: `)) : null,
      head,
    ),
    tracks.map(trackNode),
    notes.map((text) => el("p", { class: "stage-note" }, text)),
  );
}

/**
 * A picture of stages.
 *
 * @param stages - in order; an array in place of a stage are stages side by side. A
 *   stage is `{ name, head, mark?, tracks?, notes? }`: `mark` one of `passed`, `lost`,
 *   `missed`, `unreached`, tracks `{ rank, of, from?, limit? }`.
 */
export const pipelineNode = (stages, label) =>
  el(
    "ol",
    { class: "pipeline", "aria-label": label },
    stages.map((stage) => el("li", {}, [stage].flat().map(stageNode))),
  );
