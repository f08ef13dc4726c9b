// The page: keeps address, form, passages and document in step.

import * as api from "./api.js";
import { showDocument, showDocumentMessage } from "./document.js";
import { byId, counted, el, sentence, shortNumber } from "./dom.js";
import { whyNotAnswer } from "./explanation.js";
import { hitNode } from "./hits.js";
import { DEFAULT_TOP, fromAddress, sameSearch, searchBody, toAddress } from "./state.js";

/** Typing searches by itself after this pause. */
const TYPING_PAUSE_MS = 180;
/** Faster answers show no progress: it would only flicker. */
const BUSY_AFTER_MS = 150;
const RETRY_MS = 1000;
const TOP_STEPS = [10, 25, 50, 100];

/** What it means that a stage was left out. */
const LEFT_OUT = {
  encode: "Found by words only",
  dense: "Found by words only",
  expand: "Not expanded",
  rerank: "Not reranked",
};

const form = byId("search");
const queryInput = byId("query");
const filterInput = byId("filter");
const collectionSelect = byId("collection");
const typosInput = byId("typos");
const statusLine = byId("status");
const hitList = byId("hits");
const panel = byId("document");
const wide = matchMedia("(min-width: 68rem)");

let state = fromAddress(location.href);
let served = null;
let shownSearch = null;
let searching = null;
let reading = null;
let explanations = null;
let typingTimer = 0;
let retryTimer = 0;
let openedFrom = null;
let timingsOpen = false;

const page = {
  documentAddress: ({ id, start = null, end = null }) => toAddress({ ...state, doc: id, start, end }),
  open(event, { id, start = null, end = null }) {
    // A new tab or window is the browser's business.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    openedFrom = event.currentTarget;
    go({ ...state, doc: id, start, end });
    panel.focus({ preventScroll: true });
  },
  close() {
    go({ ...state, doc: null, start: null, end: null });
    if (openedFrom?.isConnected) openedFrom.focus();
    else queryInput.focus();
  },
  addFilter(expression) {
    const filter = state.filter.trim() ? `(${state.filter}) and ${expression}` : expression;
    go({ ...state, filter, top: DEFAULT_TOP });
  },
  async explanation(hit) {
    // One search explains all passages of the list; the first to ask starts it.
    explanations ??= api.search({ ...searchBody(state), explain: true });
    const mine = explanations;
    const outcome = await mine.catch((error) => {
      if (explanations === mine) explanations = null;
      throw error;
    });
    const same = outcome.hits.find((other) => other.chunk === hit.chunk && other.document === hit.document);
    if (!same?.explanation) throw new Error("the index has changed since; search again");
    return same.explanation;
  },
};

/** Moves to a state: a new entry of the history, or the current one changed. */
function go(next, { replace = false } = {}) {
  state = next;
  const address = toAddress(state);
  if (replace) history.replaceState(null, "", address);
  else if (address !== location.pathname + location.search) history.pushState(null, "", address);
  show();
}

/** Brings everything in line with the state. */
function show() {
  fillForm();
  if (!shownSearch || !sameSearch(shownSearch, state)) runSearch();
  else refreshLinks();
  showPanel();
}

function fillForm() {
  // Never under the user's fingers.
  if (document.activeElement !== queryInput) queryInput.value = state.query;
  if (document.activeElement !== filterInput) filterInput.value = state.filter;
  form.elements.strategy.value = state.strategy;
  typosInput.checked = state.typos;
  if (served) collectionSelect.value = state.collection || served.collections[0].name;
  document.title = state.query ? `${state.query} \u2013 Trovato` : "Trovato";
}

function readForm() {
  const first = served?.collections[0].name;
  const collection = collectionSelect.value === first ? "" : collectionSelect.value;
  return {
    ...state,
    query: queryInput.value,
    strategy: form.elements.strategy.value,
    collection: served ? collection : state.collection,
    filter: filterInput.value,
    typos: typosInput.checked,
    top: DEFAULT_TOP,
  };
}

// Searching

async function runSearch() {
  clearTimeout(retryTimer);
  searching?.abort();
  const mine = (searching = new AbortController());
  const asked = (shownSearch = { ...state });
  explanations = null;
  clearErrors();
  if (!asked.query.trim()) return showWelcome();
  document.body.classList.remove("start");
  byId("welcome").hidden = true;
  const busy = setTimeout(() => setBusy(true), BUSY_AFTER_MS);
  try {
    const outcome = await api.search(searchBody(asked), mine.signal);
    if (mine === searching) showOutcome(outcome);
  } catch (error) {
    if (error.name !== "AbortError" && mine === searching) showSearchError(error);
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
  for (const [input, message] of [[queryInput, byId("query-error")], [filterInput, byId("filter-error")]]) {
    input.removeAttribute("aria-invalid");
    message.hidden = true;
  }
  byId("notices").replaceChildren();
  byId("why-not-answer").replaceChildren();
}

function clearResults() {
  hitList.replaceChildren();
  hitList.classList.remove("outdated");
  byId("timings-toggle").hidden = byId("timings").hidden = true;
  byId("more-row").hidden = true;
  byId("why-not").hidden = true;
}

function showOutcome(outcome) {
  const n = outcome.hits.length;
  const ms = shortNumber(outcome.timings_ms.total, 3);
  statusLine.textContent = n === 0 ? `Nothing found, in ${ms} ms` : `${counted(n, "passage")} in ${ms} ms`;
  showTimings(outcome.timings_ms);
  byId("notices").replaceChildren(...outcomeNotices(outcome));
  hitList.classList.remove("outdated");
  hitList.replaceChildren(...outcome.hits.map((hit) => hitNode(hit, page)));
  const nextTop = TOP_STEPS.find((step) => step > state.top);
  byId("more-row").hidden = n < state.top || nextTop === undefined;
  byId("why-not").hidden = false;
  markOpenHit();
}

function outcomeNotices(outcome) {
  const notices = outcome.degraded.map(({ stage, reason }) =>
    el("p", { class: "notice" }, el("strong", {}, LEFT_OUT[stage] ?? `Without ${stage}`), sentence(reason)));
  if (outcome.dropped_terms > 0) {
    const words = counted(outcome.dropped_terms, "word");
    notices.push(el("p", { class: "notice" }, `The query is long: ${words} beyond the limit were not searched.`));
  }
  if (outcome.hits.length === 0) notices.push(nothingFound());
  return notices;
}

function nothingFound() {
  const advice = [];
  if (state.filter.trim()) advice.push("The filter may leave out what you look for.");
  if (/["+\-*]/.test(state.query)) advice.push("Quotes and + ask for exact words; try without them.");
  if (state.strategy === "lexical") advice.push("Only passages with these very words are found by words; meaning finds others.");
  if (!state.typos) advice.push("Allowing typos also finds words one letter away.");
  return el("div", { class: "notice" }, el("strong", {}, "No passage matches."), advice.map((text) => el("p", {}, text)));
}

function showTimings(timings) {
  const { total, ...stages } = timings;
  const rows = Object.entries(stages).filter(([, ms]) => ms > 0);
  const row = (name, ms, kind) => {
    const bar = el("i");
    bar.style.width = `${Math.min(100, (100 * ms) / (total || 1))}%`;
    return [
      el("dt", { class: kind }, name),
      el("dd", { class: "bar", "aria-hidden": "true" }, bar),
      el("dd", { class: `ms ${kind}` }, `${ms.toFixed(2)} ms`),
    ];
  };
  const list = rows.flatMap(([name, ms]) => row(name, ms, ""));
  byId("timings").replaceChildren(...list, ...row("total", total, "total"));
  byId("timings").hidden = !timingsOpen;
  byId("timings-toggle").hidden = false;
}

function showSearchError(error) {
  const fields = { query: [queryInput, byId("query-error")], filter: [filterInput, byId("filter-error")] };
  const field = fields[error.parameter];
  if (field) {
    // While a filter is being typed it is wrong at times: what was found last
    // stays, greyed.
    const [input, message] = field;
    statusLine.textContent = "";
    hitList.classList.add("outdated");
    input.setAttribute("aria-invalid", "true");
    message.textContent = sentence(error.message);
    message.hidden = false;
    return;
  }
  clearResults();
  if (error.code === "starting") {
    statusLine.textContent = "The server is opening its indexes\u2026";
    retryTimer = setTimeout(start, RETRY_MS);
    return;
  }
  statusLine.textContent = "";
  byId("notices").replaceChildren(
    el(
      "div",
      { class: "notice error", role: "alert" },
      el("strong", {}, error.status === 0 ? "No connection" : "This search was not answered"),
      sentence(error.message),
      el("p", {}, el("button", { type: "button", onclick: retry }, "Try again")),
    ),
  );
}

function retry() {
  shownSearch = null;
  start();
}

byId("timings-toggle").addEventListener("click", (event) => {
  timingsOpen = !timingsOpen;
  event.currentTarget.setAttribute("aria-expanded", String(timingsOpen));
  byId("timings").hidden = !timingsOpen;
});

// Welcome

function showWelcome() {
  setBusy(false);
  clearResults();
  document.body.classList.add("start");
  statusLine.textContent = "";
  const syntax = [
    ["what happens when it runs out of memory", "a question, in your own words"],
    ["\"connection refused\"", "these words, in this order"],
    ["+install -windows", "must occur, must not occur"],
    ["config*", "words that begin so"],
    ["HashMap::insert, E0382, --release", "names and codes, as they are written"],
  ];
  byId("welcome").replaceChildren(
    el("ul", {}, (served?.collections ?? []).map(describe)),
    el("h2", {}, "What you can type"),
    el("dl", {}, syntax.flatMap(([text, meaning]) => [el("dt", {}, text), el("dd", {}, meaning)])),
  );
  byId("welcome").hidden = false;
}

function describe(collection) {
  const size = `${counted(collection.documents, "document")}, ${counted(collection.chunks, "passage")}`;
  const late = collection.stale ? " A newer version of it could not be loaded." : "";
  return el("li", {}, el("b", {}, collection.name), `: ${size}, vectors of ${collection.encoder}.${late}`);
}

// Why not

byId("why-not-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const id = byId("why-not-id").value.trim();
  if (!id) return byId("why-not-id").focus();
  const answer = byId("why-not-answer");
  try {
    const outcome = await api.search({ ...searchBody(state), why_not: id });
    answer.replaceChildren(...whyNotAnswer(outcome.why_not, state.strategy));
  } catch (error) {
    answer.replaceChildren(el("p", { class: "field-error" }, sentence(error.message)));
  }
});

// Document

let shownDocument = "";

async function showPanel() {
  const { doc: id, start: from, end, collection } = state;
  markOpenHit();
  document.body.classList.toggle("split", id !== null);
  panel.hidden = id === null;
  shieldBehindPanel();
  const wanted = JSON.stringify([id, from, end, collection]);
  if (wanted === shownDocument) return;
  shownDocument = wanted;
  reading?.abort();
  if (id === null) return panel.replaceChildren();
  const mine = (reading = new AbortController());
  const target = { id, collection, start: from, end };
  try {
    // A link may be older than the document: a span that no longer fits is
    // dropped, the document is still worth showing.
    const body = await api.getDocument(target, mine.signal).catch((error) => {
      if (error.parameter !== "start" && error.parameter !== "end") throw error;
      return api.getDocument({ ...target, start: null, end: null }, mine.signal);
    });
    if (mine === reading) showDocument(panel, body, page);
  } catch (error) {
    if (error.name === "AbortError" || mine !== reading) return;
    shownDocument = "";
    showDocumentMessage(panel, id, sentence(error.message), page);
    if (error.code === "starting") retryTimer = setTimeout(start, RETRY_MS);
  }
}

/** On a narrow screen the document covers the rest, which must not be tabbed into. */
function shieldBehindPanel() {
  byId("main-column").inert = !panel.hidden && !wide.matches;
}

function markOpenHit() {
  const key = `${state.doc} ${state.start} ${state.end}`;
  for (const hit of hitList.children) {
    const isOpen = hit.dataset.key === key;
    hit.classList.toggle("open", isOpen);
    const title = hit.querySelector("a.title");
    if (isOpen) title.setAttribute("aria-current", "true");
    else title.removeAttribute("aria-current");
  }
}

/** Links carry the rest of the state, which may have changed under them. */
function refreshLinks() {
  for (const hit of hitList.children) {
    const title = hit.querySelector("a.title");
    const target = fromAddress(title.href);
    title.href = toAddress({ ...state, doc: target.doc, start: target.start, end: target.end });
  }
}

// Events

form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typingTimer);
  shownSearch = null;
  go(readForm());
});

form.addEventListener("input", (event) => {
  clearTimeout(typingTimer);
  const isTyped = event.target === queryInput || event.target === filterInput;
  typingTimer = setTimeout(() => go(readForm(), { replace: isTyped }), isTyped ? TYPING_PAUSE_MS : 0);
});

byId("more").addEventListener("click", () => {
  const top = TOP_STEPS.find((step) => step > state.top);
  if (top) go({ ...state, top }, { replace: true });
});

byId("home").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  queryInput.value = filterInput.value = "";
  go({ ...fromAddress(new URL("/", location.href).href) });
  queryInput.focus();
});

addEventListener("popstate", () => {
  state = fromAddress(location.href);
  queryInput.value = state.query;
  filterInput.value = state.filter;
  show();
});

wide.addEventListener("change", shieldBehindPanel);

const isEditable = (target) => target.matches("input:not([type=radio]):not([type=checkbox]), select, textarea");

function moveBetweenHits(step) {
  const titles = [...hitList.querySelectorAll("a.title")];
  const hit = document.activeElement.closest?.(".hit");
  const at = hit ? [...hitList.children].indexOf(hit) : -1;
  if (at + step < 0) return queryInput.focus();
  titles[Math.min(at + step, titles.length - 1)]?.focus();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") {
    if (state.doc !== null) return event.preventDefault(), page.close();
    if (document.activeElement !== queryInput) return queryInput.focus(), queryInput.select();
    return;
  }
  if (event.target === queryInput && event.key === "ArrowDown" && hitList.hasChildNodes()) {
    event.preventDefault();
    return moveBetweenHits(1);
  }
  if (isEditable(event.target) || event.target.type === "radio" || panel.contains(event.target)) return;
  const actions = {
    "/": () => { queryInput.focus(); queryInput.select(); },
    ArrowDown: () => moveBetweenHits(1),
    ArrowUp: () => moveBetweenHits(-1),
    j: () => moveBetweenHits(1),
    k: () => moveBetweenHits(-1),
    w: () => document.activeElement.closest(".hit")?.querySelector("button.why")?.click(),
  };
  const action = actions[event.key];
  // Without hits the arrows scroll, as everywhere.
  if (!action || (event.key !== "/" && !hitList.hasChildNodes())) return;
  event.preventDefault();
  action();
});

// Start

async function start() {
  clearTimeout(retryTimer);
  try {
    served = await api.collections();
  } catch (error) {
    return showSearchError(error);
  }
  const options = served.collections.map(({ name }) => el("option", { value: name }, name));
  collectionSelect.replaceChildren(...options);
  byId("collection-label").hidden = options.length < 2;
  queryInput.value ||= state.query;
  filterInput.value ||= state.filter;
  shownSearch = null;
  show();
}

// With a search to show, the keyboard of a phone would only be in its way.
if (!state.query) queryInput.focus();
start();
