// The list of passages.

import { el, passageKey, pieceNodes, sentence, shortNumber } from "./dom.js";
import { explanationTree } from "./explanation.js";
import { feedbackNode } from "./feedback.js";
import { pipelineNode } from "./pipeline.js";

/** Text before the first match that is longer than this is folded away. */
const MAX_LEAD_CHARS = 280;
const KEPT_LEAD_CHARS = 120;

const SCORE_KINDS = {
  bm25: ["BM25", "BM25 over title, headings, text and identifiers: higher is better, without an upper bound"],
  cosine: ["cosine", "Cosine of the query's and the passage's vectors, from -1 to 1"],
  reranked: ["reranked", "What the reranker and the first stage add up to: comparable within this result only"],
};

/** A score with what it is, and more on hovering. */
export function scoreNode(hit) {
  const [name, help] = SCORE_KINDS[hit.score_kind] ?? [
    `fused, ${hit.score_kind}`,
    "Fused from both sides of the search: comparable within this result only, not a similarity",
  ];
  return el("span", { class: "score", title: help }, el("b", {}, shortNumber(hit.score)), el("span", {}, ` ${name}`));
}

/** The headings a passage stands under, without its document's title. */
export const innerHeadings = ({ title, headings }) =>
  headings.filter((heading) => heading && heading !== title);

export function trailNode(passage) {
  const headings = innerHeadings(passage);
  if (headings.length === 0) return null;
  return el("ul", { class: "trail", "aria-label": "Headings" }, headings.map((text) => el("li", {}, text)));
}

/** How much of a passage's text are headings that stand above it anyway. */
function leadLength({ text, title, headings }) {
  let length = 0;
  for (const heading of [title, ...innerHeadings({ title, headings })]) {
    if (heading && text.startsWith(`${heading}\n`, length)) length += heading.length;
    length += /^\s*/.exec(text.slice(length))[0].length;
  }
  return length;
}

const withoutEmptyLines = (text) => text.replace(/\n{2,}/g, "\n");

/** A passage's text without the headings above it and without empty lines. */
export const bodyText = (passage) =>
  withoutEmptyLines(passage.text.slice(leadLength(passage))) || passage.text;

/** Drops the first `n` units of the pieces' text. */
function dropped(pieces, n) {
  let left = n;
  return pieces.flatMap((piece) => {
    const text = piece.text.slice(left);
    left = Math.max(0, left - piece.text.length);
    return text ? [{ ...piece, text }] : [];
  });
}

/** Pieces for a glance: as `bodyText`, and from a little before the first match. */
function shortened(hit) {
  const pieces = dropped(hit.pieces, leadLength(hit)).map((piece) => ({ ...piece, text: withoutEmptyLines(piece.text) }));
  const [first, ...rest] = pieces;
  if (!first) return hit.pieces;
  if (first.match || rest.length === 0 || first.text.length <= MAX_LEAD_CHARS) return pieces;
  const from = first.text.length - KEPT_LEAD_CHARS;
  // At a blank, so that neither a word nor a surrogate pair is cut.
  const blank = first.text.slice(from).search(/\s/);
  if (blank < 0) return pieces;
  return [{ text: `\u2026 ${first.text.slice(from + blank).trimStart()}`, match: false }, ...rest];
}

function passageNode(hit) {
  const short = shortened(hit);
  const box = el("p", { class: "passage folded" }, pieceNodes(short));
  const toggle = el("button", {
    class: "quiet",
    type: "button",
    textContent: "Show all of it",
    "aria-expanded": "false",
    hidden: true,
    onclick: () => {
      const folded = box.classList.toggle("folded");
      box.replaceChildren(...pieceNodes(folded ? short : hit.pieces));
      toggle.textContent = folded ? "Show all of it" : "Show less";
      toggle.setAttribute("aria-expanded", String(!folded));
    },
  });
  // Whether the box cuts anything is known once it is laid out.
  requestAnimationFrame(() => {
    const isCut = box.scrollHeight > box.clientHeight + 1 || short[0]?.text.startsWith("\u2026 ");
    toggle.hidden = !isCut;
  });
  return { box, toggle };
}

function alsoNode(hit, page) {
  const link = (id) =>
    el("a", { href: page.documentAddress({ id }), onclick: (event) => page.open(event, { id }) }, id);
  const list = (ids) => ids.flatMap((id, at) => (at === 0 ? [link(id)] : [", ", link(id)]));
  const similar = [...new Set(hit.similar.map((other) => other.document))];
  return [
    hit.duplicates.length ? el("p", { class: "also" }, "The same text: ", list(hit.duplicates)) : null,
    similar.length ? el("p", { class: "also" }, "Nearly the same: ", list(similar)) : null,
  ];
}

function whyNode(hit, page) {
  const box = el("div", { class: "why-box", hidden: true });
  const toggle = el("button", {
    class: "quiet why",
    type: "button",
    textContent: "Why this passage?",
    "aria-expanded": "false",
    onclick: async () => {
      box.hidden = !box.hidden;
      toggle.setAttribute("aria-expanded", String(!box.hidden));
      if (box.hidden || box.hasChildNodes()) return;
      try {
        const { stages, explanation } = await page.stages(hit);
        box.append(pipelineNode(stages, "How this passage came to its place"), explanationTree(explanation));
      } catch (error) {
        if (error.name !== "AbortError") box.append(el("p", { class: "field-error" }, sentence(error.message)));
        else box.hidden = true;
      }
    },
  });
  return { box, toggle };
}

/**
 * One passage. `page` offers `documentAddress(target)`, `open(event, target)`,
 * `stages(hit)`, and `feedback()`: what a judgment is kept with, or null.
 */
export function hitNode(hit, page) {
  const [start, end] = hit.span;
  const target = { id: hit.document, start, end };
  const passage = passageNode(hit);
  const why = whyNode(hit, page);
  const context = page.feedback();
  const title = el(
    "a",
    { class: "title", href: page.documentAddress(target), onclick: (event) => page.open(event, target) },
    hit.title || hit.document,
  );
  return el(
    "li",
    { class: "hit", "data-key": passageKey(hit) },
    el("div", { class: "hit-head" }, el("h2", {}, title), scoreNode(hit)),
    trailNode(hit),
    passage.box,
    el("div", { class: "hit-foot" }, el("span", { class: "id" }, hit.document), passage.toggle, why.toggle, context ? feedbackNode(hit, context) : null),
    alsoNode(hit, page),
    why.box,
  );
}
