// A job in the list: how far it is, and its items once it is opened.

import * as api from "./api.js";
import { counted, duration, el, replaceChanged, sentence } from "./dom.js";

const STATES = { queued: "Queued", running: "Running", done: "Done" };

/** Results that are counted, in the order they are told in. */
const RESULTS = ["created", "replaced", "unchanged", "deleted", "not_found", "refused", "lost"];

/** Results after which the document is there. */
const PRESENT = ["created", "replaced", "unchanged"];

export const isDone = ({ state }) => state === "done";

const word = (result) => result.replace("_", " ");

const isFailure = (result) => result === "refused" || result === "lost";

function stateWords({ state, waiting_for: holder, received, ended }) {
  if (state === "waiting") return `Waits for ${holder}`;
  const took = ended ? ` in ${duration(new Date(ended) - new Date(received))}` : "";
  return `${STATES[state] ?? state}${took}`;
}

/** A moment of today as its time, an earlier one with its day. */
function timeNode(moment) {
  const at = new Date(moment);
  const isToday = at.toDateString() === new Date().toDateString();
  return el("time", { dateTime: moment, title: moment }, isToday ? at.toLocaleTimeString() : at.toLocaleString());
}

function countNodes(counts) {
  const told = RESULTS.filter((result) => counts[result] > 0);
  const node = (result) => el("span", { class: isFailure(result) ? "failure" : "" }, `${counts[result].toLocaleString("en")} ${word(result)}`);
  return [counted(counts.items, "change"), ...told.flatMap((result, at) => [at ? ", " : ": ", node(result)])];
}

function itemNode({ line, document: id, result, chunks, reason }, collection, shell) {
  const target = { id, collection };
  const link = PRESENT.includes(result)
    ? el("a", { class: "title", href: shell.documentAddress(target), onclick: (event) => shell.open(event, target) }, id)
    : id || "no id";
  return el(
    "li",
    {},
    line ? el("span", { class: "line" }, `line ${line.toLocaleString("en")}`) : null,
    el("span", { class: "id" }, link),
    el("span", { class: isFailure(result) ? "failure" : "result" }, word(result), chunks ? `, ${counted(chunks, "passage")}` : ""),
    reason ? el("span", { class: "reason" }, sentence(reason)) : null,
  );
}

/**
 * The node of a job, which `update(job)` keeps in step: what is open stays open, and
 * keeps focus and place.
 *
 * @param shell - offers `documentAddress(target)` and `open(event, target)`.
 */
export function createJob({ job: id, collection, received }, shell) {
  const state = el("span", { class: "job-state" });
  const bar = el("progress", { "aria-label": "Changes that have a result" });
  const counts = el("span", { class: "job-counts" });
  const list = el("ol", { class: "job-items", "aria-label": "Changes of this job" });
  const more = el("p", { class: "more-row", hidden: true }, el("button", { type: "button", onclick: () => load(list.children.length + 1) }, "More changes"));
  const problem = el("p", { class: "field-error", hidden: true });
  const details = el(
    "details",
    { class: "job" },
    el("summary", {}, el("span", { class: "job-head" }, timeNode(received), el("b", {}, collection), state), bar, counts),
    list,
    problem,
    more,
  );
  let settled = null;
  let reading = null;

  /** Reads at least the first `n` items, in pages as the server gives them. */
  async function load(n) {
    reading?.abort();
    const mine = (reading = new AbortController());
    const items = [];
    try {
      let page;
      do {
        page = await api.job(id, items.length, mine.signal);
        items.push(...page.items);
      } while (items.length < n && page.items.length > 0);
      replaceChanged(list, items.map((item) => itemNode(item, collection, shell)));
      more.hidden = items.length >= page.counts.items;
      problem.hidden = true;
    } catch (error) {
      if (error.name === "AbortError") return;
      problem.textContent = sentence(error.message);
      problem.hidden = false;
    }
  }

  function update(job) {
    const isNews = settled !== job.counts.settled;
    settled = job.counts.settled;
    state.textContent = stateWords(job);
    bar.max = Math.max(1, job.counts.items);
    bar.value = job.counts.settled;
    bar.hidden = isDone(job);
    counts.replaceChildren(...countNodes(job.counts));
    if (isNews && details.open) load(Math.max(1, list.children.length));
  }

  details.addEventListener("toggle", () => details.open && load(1));
  return { node: el("li", {}, details), update };
}
