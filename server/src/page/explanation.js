// Trees that say where a score comes from, and sentences that say where a
// document was lost.

import { counted, el, shortNumber } from "./dom.js";

const RULES = {
  leaf: "",
  sum: "the sum of",
  product: "the product of",
  quotient: "the first divided by the second",
  difference: "the first minus the second",
  ln_one_plus: "the natural logarithm of 1 plus",
  maximum: "the largest of",
};

/** Levels that are unfolded whatever they hold: the fused score and its sides. */
const OPEN_LEVELS = 2;

/** Whether a node has something to unfold. */
const isFoldable = (node) => (node.details ?? []).length > 0;

function nodeOf({ value, description, operation, details = [] }, depth, isOpen) {
  const label = [
    el("span", { class: "value" }, shortNumber(value)),
    " ",
    description,
    operation === "leaf" ? null : el("span", { class: "rule" }, ` = ${RULES[operation] ?? operation}`),
  ];
  if (details.length === 0) return el("li", { class: "leaf" }, label);
  // A chain is unfolded to its first branching, where there is something to
  // compare: the terms of the query, the fields of a term.
  const isChain = details.filter(isFoldable).length === 1;
  const children = details.map((child) =>
    nodeOf(child, depth + 1, depth + 1 < OPEN_LEVELS || (isOpen && isChain)));
  return el("li", {}, el("details", { open: isOpen }, el("summary", {}, label), el("ul", {}, children)));
}

/** The tree of an explanation, unfolded as far as it compares things. */
export const explanationTree = (explanation) =>
  el("div", { class: "explanation" }, el("ul", {}, nodeOf(explanation, 0, true)));

function place(leg, found, missing) {
  if (!found) return el("li", {}, `By ${leg}: ${missing}.`);
  const gap = found.gap > 0 ? `, ${shortNumber(found.gap)} below the last candidate` : "";
  return el("li", {}, `By ${leg}: rank ${found.rank.toLocaleString("en")} with ${shortNumber(found.score)}${gap}.`);
}

/** Why a document is not among the hits, in words. */
export function whyNotAnswer(why, strategy) {
  const id = why.document;
  switch (why.stage) {
    case "not_indexed":
      return [el("p", {}, `${id} is not in this collection. Ids are written as shown below each passage.`)];
    case "filtered":
      return [el("p", {}, `${id} is in the collection, but the filter leaves it out.`)];
    case "beyond_depth":
      return [
        el("p", {}, `${id} is not among the first ${counted(why.depth, "candidate")} of any side of the search.`),
        el(
          "ul",
          {},
          strategy === "dense" ? null : place("words", why.lexical, "no word of the query occurs in it"),
          strategy === "lexical" ? null : place("meaning", why.dense, "it was not compared"),
        ),
      ];
    case "grouped":
      return [el("p", {}, `Its best passage is nearly the same as the one of ${why.under}, and is named there.`)];
    case "outranked":
      return [
        el(
          "p",
          {},
          `Its best passage is at rank ${why.rank.toLocaleString("en")}, ${shortNumber(why.gap)} below the last one shown. Others were better.`,
          why.ordered_by === "reranked" ? ` It was at rank ${why.before.toLocaleString("en")} before reranking.` : null,
          why.ordered_by === "not_read" ? " The reranker did not come that far." : null,
        ),
      ];
    case "returned":
      return [
        el(
          "p",
          {},
          `It is here, as number ${why.rank}.`,
          why.capped > 0 ? ` ${counted(why.capped, "more passage")} of it were left out by the limit per document.` : null,
          why.collapsed > 0 ? ` ${counted(why.collapsed, "more passage")} of it were found inside what is shown.` : null,
        ),
      ];
    default:
      return [el("p", {}, `${id}: ${why.stage}`)];
  }
}
