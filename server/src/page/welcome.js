// What an empty view says.

import { counted, el } from "./dom.js";

const SYNTAX = [
  ["what happens when it runs out of memory", "a question, in your own words"],
  ['"connection refused"', "these words, in this order"],
  ["+install -windows", "must occur, must not occur"],
  ["config*", "words that begin so"],
  ["HashMap::insert, E0382, --release", "names and codes, as they are written"],
];

/** What is served: a line for each collection. */
export function collectionsNode(served) {
  const line = ({ name, documents, chunks, encoder, reranker, stale }) =>
    el(
      "li",
      {},
      el("b", {}, name),
      ` \u2013 ${counted(documents, "document")}, ${counted(chunks, "passage")}; vectors of ${encoder}`,
      reranker ? `, reranked by ${reranker}` : null,
      ".",
      stale ? " A newer version of it could not be loaded." : null,
    );
  return el("ul", { class: "served" }, served.collections.map(line));
}

/** What can be searched, and how a query is written. */
export const welcomeNodes = (served) => [
  collectionsNode(served),
  el("h2", {}, "What you can type"),
  el("dl", {}, SYNTAX.flatMap(([text, meaning]) => [el("dt", {}, text), el("dd", {}, meaning)])),
];
