// Where a document was lost: the stages as a picture, and a sentence.

import { counted, el, shortNumber } from "./dom.js";
import { pipelineNode } from "./pipeline.js";

/** The stages in the order a document passes them, with what the outcome calls losing it there. */
const STAGES = [
  ["Collection", "not_indexed"],
  ["Filter", "filtered"],
  ["Candidates", "beyond_depth"],
  ["Grouping", "grouped"],
  ["Rank", "outranked"],
];

function place(leg, found, missing) {
  if (!found) return `By ${leg}: ${missing}.`;
  const gap = found.gap > 0 ? `, ${shortNumber(found.gap)} below the last candidate` : "";
  return `By ${leg}: rank ${found.rank.toLocaleString("en")} with ${shortNumber(found.score)}${gap}.`;
}

function placesOf(why, strategy) {
  return [
    strategy === "dense" ? null : place("words", why.lexical, "no word of the query occurs in it"),
    strategy === "lexical" ? null : place("meaning", why.dense, "it was not compared"),
  ].filter(Boolean);
}

/** What happened, in words. */
function told(why, strategy) {
  const id = why.document;
  switch (why.stage) {
    case "not_indexed":
      return [`${id} is not in this collection. Ids are written as shown below each passage.`];
    case "filtered":
      return [`${id} is in the collection, but the filter leaves it out.`];
    case "beyond_depth":
      return [
        `${id} is not among the first ${counted(why.depth, "candidate")} of any side of the search.`,
        ...placesOf(why, strategy),
      ];
    case "grouped":
      return [`Its best passage is nearly the same as the one of ${why.under}, and is named there.`];
    case "outranked":
      return [
        `Its best passage is at rank ${why.rank.toLocaleString("en")}, ${shortNumber(why.gap)} below the last one shown. Others were better.`,
        ...(why.ordered_by === "reranked" ? [`It was at rank ${why.before.toLocaleString("en")} before reranking.`] : []),
        ...(why.ordered_by === "not_read" ? ["The reranker did not come that far."] : []),
      ];
    case "returned":
      return [
        `It is here, as number ${why.rank}.`,
        ...(why.capped > 0 ? [`${counted(why.capped, "more passage")} of it were left out by the limit per document.`] : []),
        ...(why.collapsed > 0 ? [`${counted(why.collapsed, "more passage")} of it were found inside what is shown.`] : []),
      ];
    default:
      return [`${id}: ${why.stage}`];
  }
}

const LOST = {
  not_indexed: () => "not there",
  filtered: () => "left out",
  beyond_depth: ({ depth }) => `not among ${depth.toLocaleString("en")}`,
  grouped: () => "shown under another",
  outranked: ({ rank }) => `rank ${rank.toLocaleString("en")}`,
};

function stageOf([stage, loses], at, why, state) {
  const name = loses === "outranked" ? `First ${state.top}` : stage;
  const lostAt = STAGES.findIndex(([, losing]) => losing === why.stage);
  const isFree = loses === "filtered" && !state.filter.trim();
  if (lostAt >= 0 && at > lostAt) return { name, mark: "unreached", head: "not reached" };
  if (at === lostAt) {
    const track = why.stage === "outranked" ? [{ rank: why.rank, of: Math.max(100, why.rank), limit: state.top }] : [];
    return { name, mark: "lost", head: LOST[loses](why), tracks: track };
  }
  return { name, mark: "passed", head: isFree ? "none" : "passed" };
}

/** Why a document is not among the hits. */
export function whyNotAnswer({ why_not: why }, state) {
  const last = why.stage === "returned"
    ? { name: "Shown", mark: "passed", head: `number ${why.rank}` }
    : { name: "Shown", mark: "unreached", head: "no" };
  const stages = [...STAGES.map((entry, at) => stageOf(entry, at, why, state)), last];
  return [
    pipelineNode(stages, `Where ${why.document} was lost`),
    ...told(why, state.strategy).map((text) => el("p", {}, text)),
  ];
}
