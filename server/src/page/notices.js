// Messages beside what was found.

import { el, proseNodes, sentence } from "./dom.js";

/** What it means that a stage was left out. */
const LEFT_OUT = {
  encode: "Found by words only",
  dense: "Found by words only",
  expand: "Not expanded",
  rerank: "Not all reranked",
};

/** A message; an empty title is left out. */
export const notice = (title, ...children) =>
  el("div", { class: "notice" }, title ? el("strong", {}, title) : null, children);

/** An error that is announced. */
export const errorNotice = (title, error, ...children) =>
  el("div", { class: "notice error", role: "alert" }, el("strong", {}, title), proseNodes(sentence(error.message)), children);

/** Stages that were left out or cut short; `where` says of which search. */
export const degradedNotices = (degraded, where = "") =>
  degraded.map(({ stage, reason }) =>
    el("p", { class: "notice aside" }, el("strong", {}, `${where}${LEFT_OUT[stage] ?? `Without ${stage}`}: `), sentence(reason)));
