// The tree that says where a score comes from.

import { el, shortNumber } from "./dom.js";

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
  el("div", { class: "explanation", tabIndex: 0, role: "region", "aria-label": "The arithmetic of the score" }, el("ul", {}, nodeOf(explanation, 0, true)));
