// The search view: a query, its options, the passages found.

import * as api from "./api.js";
import { byId, counted, duration, el, fieldSentence, sentence } from "./dom.js";
import { hitNode } from "./hits.js";
import { degradedNotices, errorNotice, notice } from "./notices.js";
import { createOptions, showFieldError } from "./options.js";
import { readStages } from "./stages.js";
import { DEFAULT_TOP, fromAddress, sameSearch, searchBody, toAddress } from "./state.js";
import { timingsNode } from "./timings.js";
import { welcomeNodes } from "./welcome.js";
import { whyNotAnswer } from "./why_not.js";

/** Typing searches by itself after this pause. */
const TYPING_PAUSE_MS = 180;
/** Faster answers show no progress: it would only flicker. */
const BUSY_AFTER_MS = 150;
const TOP_STEPS = [10, 25, 50, 100];

/** The search view of `shell`. */
export function createSearch(shell) {
  const form = byId("search");
  const queryInput = byId("query");
  const options = createOptions(byId("search-options"));
  const statusLine = byId("search-status");
  const hitList = byId("hits");

  let shown = null;
  let searching = null;
  let stages = null;
  let typingTimer = 0;

  /** What passages may ask of the view. */
  const page = {
    ...shell,
    feedback: () => (shell.served().feedback === true ? searchContext(shown) : null),
    stages(hit) {
      // The same searches explain all passages of the list; the first to ask starts them.
      const mine = (stages ??= readStages(shown, shell.collection()));
      return mine.then((read) => read(hit)).catch((error) => {
        if (stages === mine) stages = null;
        throw error;
      });
    },
  };

  const searchContext = (state) =>
    ({ query: state.query, collection: shell.collection()?.name, filter: state.filter });

  function show(state) {
    if (document.activeElement !== queryInput) queryInput.value = state.query;
    options.fill(state, shell.served());
    if (!shown || !sameSearch(shown, state)) run(state);
    else refreshLinks(state);
    markOpen(state);
  }

  const readForm = () =>
    ({ ...shell.state(), query: queryInput.value, ...options.read(shell.served()), top: DEFAULT_TOP });

  async function run(state) {
    searching?.abort();
    const mine = (searching = new AbortController());
    shown = { ...state };
    stages = null;
    clearErrors();
    if (!state.query.trim()) return showWelcome();
    byId("welcome").hidden = true;
    const busy = setTimeout(() => setBusy(true), BUSY_AFTER_MS);
    try {
      const outcome = await api.search(searchBody(state), mine.signal);
      if (mine === searching) showOutcome(outcome, state);
    } catch (error) {
      if (error.name !== "AbortError" && mine === searching) showError(error);
    } finally {
      clearTimeout(busy);
      if (mine === searching) setBusy(false);
    }
  }

  function setBusy(isBusy) {
    byId("busy").hidden = !isBusy;
    hitList.setAttribute("aria-busy", String(isBusy));
  }

  function clearErrors() {
    showFieldError(queryInput, byId("query-error"), null);
    options.showFilterError(null);
    byId("search-notices").replaceChildren();
    byId("why-not-answer").replaceChildren();
  }

  function clearResults() {
    hitList.replaceChildren();
    hitList.classList.remove("outdated");
    for (const id of ["timings-toggle", "timings", "more-row", "why-not"]) byId(id).hidden = true;
  }

  function showWelcome() {
    setBusy(false);
    clearResults();
    statusLine.textContent = "";
    byId("welcome").replaceChildren(...welcomeNodes(shell.served()));
    byId("welcome").hidden = false;
  }

  function showOutcome(outcome, state) {
    const n = outcome.hits.length;
    const took = duration(outcome.timings_ms.total);
    statusLine.textContent = `${n === 0 ? "Nothing found" : counted(n, "passage")} in ${took}${rerankedPhrase(outcome.reranked)}`;
    byId("timings").replaceChildren(timingsNode(outcome.timings_ms));
    byId("timings-toggle").hidden = false;
    byId("timings").hidden = byId("timings-toggle").getAttribute("aria-expanded") !== "true";
    byId("search-notices").replaceChildren(...notices(outcome, state));
    replaceHits(outcome.hits.map((hit) => hitNode(hit, page)));
    byId("more-row").hidden = n < state.top || !nextTop(state);
    byId("why-not").hidden = false;
    markOpen(shell.state());
  }

  /** Whoever stands on a passage stays on it, or else at the top. */
  function replaceHits(nodes) {
    const key = document.activeElement.closest("#hits > .hit")?.dataset.key;
    hitList.classList.remove("outdated");
    hitList.replaceChildren(...nodes);
    if (key) (nodes.find((node) => node.dataset.key === key) ?? nodes[0])?.querySelector("a.title").focus();
  }

  const nextTop = ({ top }) => TOP_STEPS.find((step) => step > top);

  function notices(outcome, state) {
    const nodes = degradedNotices(outcome.degraded);
    if (outcome.dropped_terms > 0) {
      const words = counted(outcome.dropped_terms, "word");
      nodes.push(notice("", `The query is long: ${words} beyond the limit were not searched.`));
    }
    if (outcome.hits.length === 0) nodes.push(nothingFound(state));
    return nodes;
  }

  function showError(error) {
    // While a filter is being typed it is wrong at times: what was found last
    // stays, greyed.
    const message = fieldSentence(error.message);
    if (error.parameter === "query" || error.parameter === "filter") {
      statusLine.textContent = "";
      hitList.classList.add("outdated");
      if (error.parameter === "filter") options.showFilterError(message);
      else showFieldError(queryInput, byId("query-error"), message);
      return;
    }
    clearResults();
    statusLine.textContent = "";
    shown = null;
    if (shell.retryIfStarting(error)) {
      statusLine.textContent = "The server is opening its indexes\u2026";
      return;
    }
    const again = el("p", {}, el("button", { type: "button", onclick: () => run(shell.state()) }, "Try again"));
    const title = error.status === 0 ? "No connection" : "This search was not answered";
    byId("search-notices").replaceChildren(errorNotice(title, error, again));
  }

  function markOpen({ doc, start, end }) {
    const key = `${doc} ${start} ${end}`;
    for (const hit of hitList.children) {
      const isOpen = hit.dataset.key === key;
      hit.classList.toggle("open", isOpen);
      const title = hit.querySelector("a.title");
      if (isOpen) title.setAttribute("aria-current", "true");
      else title.removeAttribute("aria-current");
    }
  }

  /** Links carry the rest of the state, which may have changed under them. */
  function refreshLinks(state) {
    for (const title of hitList.querySelectorAll("a.title")) {
      const { doc, start, end } = fromAddress(title.href);
      title.href = toAddress({ ...state, doc, start, end });
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typingTimer);
    shown = null;
    shell.go(readForm());
  });

  form.addEventListener("input", (event) => {
    clearTimeout(typingTimer);
    const isTyped = event.target === queryInput || event.target === options.filterInput;
    const search = () => shell.state().view === "search" && shell.go(readForm(), { replace: isTyped });
    typingTimer = setTimeout(search, isTyped ? TYPING_PAUSE_MS : 0);
  });

  byId("timings-toggle").addEventListener("click", ({ currentTarget }) => {
    const isOpen = currentTarget.getAttribute("aria-expanded") !== "true";
    currentTarget.setAttribute("aria-expanded", String(isOpen));
    byId("timings").hidden = !isOpen;
  });

  byId("more").addEventListener("click", () => {
    const top = nextTop(shell.state());
    if (top) shell.go({ ...shell.state(), top }, { replace: true });
  });

  byId("why-not-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const id = byId("why-not-id").value.trim();
    if (!id) return byId("why-not-id").focus();
    const place = byId("why-not-answer");
    try {
      const outcome = await api.search({ ...searchBody(shown), why_not: id });
      place.replaceChildren(...whyNotAnswer(outcome, shown));
    } catch (error) {
      place.replaceChildren(el("p", { class: "field-error" }, sentence(error.message)));
    }
  });

  return {
    root: byId("search-view"),
    show,
    outdate: () => (shown = null),
    focus: () => (queryInput.focus(), queryInput.select()),
  };
}

function rerankedPhrase(reranked) {
  if (!reranked?.candidates) return "";
  const isSettled = reranked.stop === "settled";
  return `; ${reranked.scored} of ${counted(reranked.candidates, "candidate")} reranked${isSettled ? ", which settled the order" : ""}`;
}

function nothingFound(state) {
  const advice = [];
  if (state.filter.trim()) advice.push("The filter may leave out what you look for.");
  if (/["+\-*]/.test(state.query)) advice.push("Quotes and + ask for exact words; try without them.");
  if (state.strategy === "lexical") advice.push("Only passages with these very words are found by words; meaning finds others.");
  if (!state.typos) advice.push("Allowing typos also finds words one letter away.");
  return notice("No passage matches.", advice.map((text) => el("p", {}, text)));
}
