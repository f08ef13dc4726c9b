// What an answer was made from: the passages, those that were left out, and by whom.

import { counted, el, shortNumber } from "./dom.js";
import { feedbackNode } from "./feedback.js";
import { bodyText, trailNode } from "./hits.js";

const REASONS = {
  budget: "did not fit",
  near_duplicate: "nearly the same as one above",
  document_cap: "enough of its document is above",
  contained: "contained in one above",
};

/**
 * Passages with links to their documents.
 *
 * @param options.feedback - what judgments are kept with, or null.
 * @param options.lengths - whether to tell how long each is.
 */
export function passageList(passages, page, { feedback, lengths = false }) {
  const item = (passage) => {
    const [start, end] = passage.span;
    const target = { id: passage.document, start, end };
    const link = { class: "title", href: page.documentAddress(target), onclick: (event) => page.open(event, target) };
    return el(
      "li",
      {},
      el("p", {}, el("a", link, passage.title || passage.document), lengths ? el("span", { class: "tokens" }, ` ${counted(passage.tokens, "token")}`) : null),
      trailNode(passage),
      el("p", { class: "passage folded" }, bodyText(passage)),
      feedback ? feedbackNode(passage, feedback) : null,
    );
  };
  return el("ol", { class: "context-passages", "aria-label": "Passages read" }, passages.map(item));
}

/** What an answer's model was given, folded. */
export function contextNode({ context, model }, page, feedback) {
  const { passages, tokens, budget, left_out: leftOut } = context;
  const size = `${tokens.toLocaleString("en")} of ${counted(budget, "token")}`;
  const left = leftOut.length ? `, ${leftOut.length} left out` : "";
  const leftItem = ({ document: id, span: [start, end], reason }) => {
    const target = { id, start, end };
    const link = { href: page.documentAddress(target), onclick: (event) => page.open(event, target) };
    return el("li", {}, el("a", link, id), ` \u2013 ${REASONS[reason] ?? reason}`);
  };
  return el(
    "details",
    { class: "fold" },
    el("summary", {}, `Read by ${model}: ${counted(passages.length, "passage")} (${size}${left})`),
    passageList(passages, page, { feedback, lengths: true }),
    leftOut.length ? [el("h3", {}, "Left out"), el("ul", { class: "left-out" }, leftOut.map(leftItem))] : null,
  );
}

const TOLD = "Names all that the model was told but the question and the passages";

/** Tokens and money, as far as the provider says. */
function spentNodes({ input_tokens: read, output_tokens: wrote, cost_usd: cost }) {
  const isCounted = Number.isFinite(read) && Number.isFinite(wrote);
  return [
    isCounted ? `${counted(read, "token")} read, ${wrote.toLocaleString("en")} written` : "tokens not counted",
    Number.isFinite(cost) ? `$${shortNumber(cost, 2)}` : "cost not known",
  ].map((text) => el("span", {}, text));
}

/** By what an answer was written; null for sentences of the documents. */
export function writtenNode({ model, written, usage }) {
  if (!written) return null;
  const { prompt, prompt_fingerprint: fingerprint, retries, repairs } = written;
  return el(
    "p",
    { class: "answer-meta written" },
    el("span", {}, "Written by ", el("b", {}, model)),
    el("span", { title: TOLD }, `prompt ${prompt} `, el("code", {}, fingerprint)),
    spentNodes(usage),
    retries > 0 ? el("span", { title: "A request to the model failed and was sent again" }, counted(retries, "retry", "retries")) : null,
    repairs > 0 ? el("span", { title: "The model was told what was wrong with its reply" }, counted(repairs, "repair")) : null,
  );
}
