// Judging a passage: two buttons, where the server keeps judgments.

import * as api from "./api.js";
import { el, passageKey } from "./dom.js";

/** What was said in this session, by query and passage. */
const said = new Map();

/**
 * The buttons for a passage `{ document, span }` found for `query`.
 *
 * @param context - `{ query, collection, filter }`, as they were searched with.
 */
export function feedbackNode(passage, { query, collection, filter }) {
  const key = JSON.stringify([query, collection, passageKey(passage)]);
  const note = el("span", { role: "status" });
  const buttons = [
    ["relevant", "Relevant", true],
    ["irrelevant", "Not relevant", false],
  ].map(([name, text, relevant]) =>
    el("button", { class: `quiet ${name}`, type: "button", onclick: () => judge(relevant) }, text));
  const mark = () => {
    const verdict = said.get(key);
    buttons[0].setAttribute("aria-pressed", String(verdict === true));
    buttons[1].setAttribute("aria-pressed", String(verdict === false));
  };
  async function judge(relevant) {
    const body = { query, collection, document: passage.document, span: passage.span, relevant };
    if (filter?.trim()) body.filter = filter;
    try {
      await api.feedback(body);
      said.set(key, relevant);
      note.textContent = "kept";
      mark();
    } catch (error) {
      note.textContent = `not kept: ${error.message}`;
    }
  }
  mark();
  return el("span", { class: "feedback", role: "group", "aria-label": "Is this passage relevant?" }, buttons, note);
}
