// The view that compares: one query, two configurations, what each finds.

import * as api from "./api.js";
import { overlap, PERSISTENCE, rankBiasedOverlap } from "./agreement.js";
import { byId, duration, el, passageKey } from "./dom.js";
import { ladderNode } from "./ladder.js";
import { degradedNotices, errorNotice } from "./notices.js";
import { collectionSelect } from "./options.js";
import { createSides, sideWords } from "./sides.js";
import { DEFAULT_TOP, sideBody } from "./state.js";
import { timingsNode } from "./timings.js";

const BUSY_AFTER_MS = 150;
const TYPING_PAUSE_MS = 250;
const TOPS = [10, 25, 50];

/** The view of `shell` that compares. */
export function createCompare(shell) {
  const form = byId("compare");
  const input = byId("compare-query");
  const statusLine = byId("compare-status");
  const result = byId("comparison");
  const collection = collectionSelect();
  const top = el("select", {}, TOPS.map((n) => el("option", { value: n }, `First ${n}`)));
  const swap = el("button", { type: "button", onclick: swapSides }, "Swap A and B");
  byId("compare-options").append(collection.label, el("label", { class: "option" }, el("span", { class: "visually-hidden" }, "How many"), top), swap);
  const sides = createSides(byId("sides"));

  let shown = "";
  let comparing = null;
  let typingTimer = 0;

  const bodiesOf = (state) => state.sides.map((side) => sideBody(state, side));

  function show(state) {
    if (document.activeElement !== input) input.value = state.query;
    collection.fill(shell.served(), state.collection);
    top.value = state.top;
    // A link may ask for another number than is offered.
    if (!top.value) top.append(el("option", { value: state.top, selected: true }, `First ${state.top}`));
    sides.fill(state.sides, shell.collection());
    const wanted = JSON.stringify(bodiesOf(state));
    if (wanted === shown) return;
    shown = wanted;
    run(state);
  }

  async function run(state) {
    comparing?.abort();
    const mine = (comparing = new AbortController());
    if (!state.query.trim()) {
      byId("busy").hidden = true;
      statusLine.textContent = "The same query, searched in two ways. Differences in rank are drawn, and agreement is a number.";
      return result.replaceChildren();
    }
    const busy = setTimeout(() => (byId("busy").hidden = false), BUSY_AFTER_MS);
    // One after the other: side by side they would take each other's time.
    const outcomes = [];
    for (const body of bodiesOf(state)) {
      outcomes.push(await api.search(body, mine.signal).catch((error) => error));
    }
    clearTimeout(busy);
    if (mine !== comparing) return;
    byId("busy").hidden = true;
    showOutcomes(outcomes, state);
  }

  function showOutcomes(outcomes, state) {
    const errors = outcomes.map((outcome) => (outcome instanceof Error ? outcome : null));
    if (errors.some(Boolean)) {
      statusLine.textContent = "";
      // Asked again even if nothing changes: the server may have.
      shown = "";
      if (errors.some((error) => error && shell.retryIfStarting(error))) return;
      result.replaceChildren(...errors.flatMap((error, at) => (error ? [errorNotice(`${"AB"[at]} was not answered`, error)] : [])));
      return;
    }
    const rankings = outcomes.map(({ hits }) => hits);
    const keys = rankings.map((hits) => hits.map(passageKey));
    statusLine.textContent = summary(keys);
    const words = state.sides.map((side) => sideWords(side, shell.collection()));
    result.replaceChildren(
      numbersNode(keys, outcomes),
      el("details", { class: "fold" }, el("summary", {}, "Time by stage"), timesNode(outcomes)),
      ...outcomes.flatMap(({ degraded }, at) => degradedNotices(degraded, `${"AB"[at]}: `)),
      ladderNode(rankings, words.map(headingNode), shell),
    );
  }

  const readForm = () => ({
    ...shell.state(),
    query: input.value,
    collection: collection.read(shell.served()),
    top: Number(top.value) || DEFAULT_TOP,
    sides: sides.read(),
  });

  function swapSides() {
    shell.go({ ...shell.state(), sides: [...shell.state().sides].reverse() });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typingTimer);
    shown = "";
    shell.go(readForm());
  });

  form.addEventListener("input", (event) => {
    clearTimeout(typingTimer);
    const isTyped = event.target.tagName === "INPUT";
    const compare = () => shell.state().view === "compare" && shell.go(readForm(), { replace: isTyped });
    typingTimer = setTimeout(compare, isTyped ? TYPING_PAUSE_MS : 0);
  });

  return { root: byId("compare-view"), show, outdate: () => (shown = ""), focus: () => (input.focus(), input.select()) };
}

function summary([a, b]) {
  const common = overlap(a, b);
  if (common === 0) return "Nothing in common.";
  const isSame = a.length === b.length && a.every((key, at) => key === b[at]);
  return isSame ? "The same passages in the same order." : `${common} in both, ${a.length - common} only in A, ${b.length - common} only in B.`;
}

const headingNode = (words, at) => el("h2", { class: "side-heading" }, el("b", {}, "AB"[at]), ` ${words}`);

function numbersNode([a, b], outcomes) {
  const agreement = rankBiasedOverlap(a, b);
  const most = Math.max(a.length, b.length);
  const times = outcomes.map(({ timings_ms: { total } }) => duration(total));
  const figures = [
    ["Overlap", `${overlap(a, b)} of ${most}`, "Passages in both"],
    ["Rank-biased overlap", agreement === null ? "\u2013" : agreement.toFixed(2), `Agreement that counts the top most, from 0 to 1 (p = ${PERSISTENCE})`],
    ["Time of A", times[0], "As the server measured it"],
    ["Time of B", times[1], "As the server measured it"],
  ];
  return el("dl", { class: "figures" }, figures.map(([name, value, help]) => el("div", { title: help }, el("dt", {}, name), el("dd", {}, value))));
}

/** Both sides' stages on one scale. */
function timesNode(outcomes) {
  const longest = Math.max(...outcomes.map(({ timings_ms: { total } }) => total));
  return el(
    "div",
    { class: "times" },
    outcomes.map(({ timings_ms: timings }, at) => el("div", {}, el("h3", {}, "AB"[at]), timingsNode(timings, longest))),
  );
}
