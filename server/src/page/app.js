// The page's frame: keeps address, views and document in step.

import { keyForm } from "./access_key.js";
import * as api from "./api.js";
import { createAsk } from "./ask.js";
import { createChanges } from "./changes.js";
import { createCompare } from "./compare.js";
import { byId, el, sentence } from "./dom.js";
import { listenForKeys } from "./keys.js";
import { errorNotice } from "./notices.js";
import { createPanel } from "./panel.js";
import { createSearch } from "./search.js";
import { DEFAULT_TOP, fromAddress, inView, toAddress, VIEWS } from "./state.js";

const RETRY_MS = 1000;

const TITLES = { search: "Search", ask: "Ask", compare: "Compare", changes: "Changes" };

let state = fromAddress(location.href);
let served = null;
let openedFrom = null;
let retryTimer = 0;

/** Whether the browser is to follow a link itself: into a new tab or window. */
const isBrowsers = (event) => event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;

/** What views may do with the page. */
const shell = {
  served: () => served,
  state: () => state,
  go,
  /** The served collection a state means, or undefined. */
  collection: () => served?.collections.find(({ name }) => !state.collection || name === state.collection),
  /** The collections whose documents can be changed. */
  writable: () => served?.collections.filter(({ writable }) => writable === true) ?? [],
  /** Documents were changed: what was found or opened before is out of date. */
  changed() {
    for (const { outdate } of [...Object.values(views), panel]) outdate?.();
    shell.view().show(state);
  },
  documentAddress: ({ id, start = null, end = null, collection = state.collection }) =>
    toAddress({ ...state, doc: id, start, end, collection }),
  open(event, { id, start = null, end = null, collection = state.collection }) {
    if (isBrowsers(event)) return;
    event.preventDefault();
    openedFrom = event.currentTarget;
    go({ ...state, doc: id, start, end, collection });
    panel.root.focus({ preventScroll: true });
  },
  close() {
    go({ ...state, doc: null, start: null, end: null });
    if (openedFrom?.isConnected) openedFrom.focus();
    else shell.view().focus();
  },
  isOpen: () => state.doc !== null,
  addFilter(expression) {
    if (state.view === "compare") {
      const sides = state.sides.map((side) => ({ ...side, filter: narrowed(side.filter, expression) }));
      return go({ ...state, sides });
    }
    go({ ...state, filter: narrowed(state.filter, expression), top: DEFAULT_TOP });
  },
  view: () => views[state.view],
  openView(at) {
    if (VIEWS[at] === "changes" && shell.writable().length === 0) return;
    if (VIEWS[at] !== state.view) go(inView(state, VIEWS[at]));
    shell.view().focus();
  },
  /** A server that is still opening its indexes is asked again; true where it is. */
  retryIfStarting(error) {
    if (error.code !== "starting") return false;
    clearTimeout(retryTimer);
    retryTimer = setTimeout(start, RETRY_MS);
    return true;
  },
};

const narrowed = (filter, expression) =>
  filter.trim() ? `(${filter}) and ${expression}` : expression;

const panel = createPanel(shell);
const views = { search: createSearch(shell), ask: createAsk(shell), compare: createCompare(shell), changes: createChanges(shell) };

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
  const words = { ask: state.questions[0], changes: "" }[state.view] ?? state.query;
  document.title = words ? `${words} \u2013 Trovato` : `${TITLES[state.view]} \u2013 Trovato`;
  byId("view-title").textContent = TITLES[state.view];
  for (const [name, view] of Object.entries(views)) view.root.hidden = name !== state.view;
  for (const link of byId("views").children) {
    const name = link.dataset.view;
    link.href = toAddress(inView(state, name));
    link.hidden = name === "changes" && shell.writable().length === 0;
    if (name === state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!served) return;
  shell.view().show(state);
  panel.show(state);
}

byId("views").addEventListener("click", (event) => {
  const name = event.target.dataset.view;
  if (!name || isBrowsers(event)) return;
  event.preventDefault();
  if (name !== state.view) go(inView(state, name));
});

addEventListener("popstate", () => {
  state = fromAddress(location.href);
  document.activeElement?.blur();
  show();
});

listenForKeys({ ...shell, panel: panel.root });

/** In place of what the server refuses: a field for the key. */
function askForKey(error) {
  const place = byId("server-notice");
  // Whoever is typing is not interrupted by what else was refused meanwhile.
  if (place.querySelector(".access-key")) return;
  place.replaceChildren(keyForm(sentence(error.message), start));
  place.querySelector("input").focus();
}

api.onKeyAsked(askForKey);

async function start() {
  clearTimeout(retryTimer);
  const place = byId("server-notice");
  try {
    served = await api.collections();
  } catch (error) {
    if (error.status === 401) return;
    if (shell.retryIfStarting(error)) {
      place.replaceChildren(el("p", { class: "notice", role: "status" }, "The server is opening its indexes\u2026"));
      return;
    }
    const again = el("p", {}, el("button", { type: "button", onclick: start }, "Try again"));
    place.replaceChildren(errorNotice("No connection", error, again));
    return;
  }
  place.replaceChildren();
  // Only a path of this server: an address from elsewhere has no business here.
  const hasReport = /^\/(?![/\\])/.test(served.report ?? "");
  if (hasReport) byId("report-link").href = served.report;
  byId("report-link").hidden = !hasReport;
  show();
}

show();
// With something to show, the keyboard of a phone would only be in its way.
if (!state.query) shell.view().focus();
start();
