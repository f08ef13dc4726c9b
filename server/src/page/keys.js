// The keys of the page, and the list of them.

import { byId, el } from "./dom.js";

const LIST = [
  [["/"], "write a query or a question"],
  [["1", "2", "3"], "search, ask, compare; 4 changes, where documents may be"],
  [["↓", "↑"], "next and previous passage; j and k do the same"],
  [["Enter"], "open the passage in its document"],
  [["w"], "why this passage was found"],
  [["r", "n"], "the passage is relevant, is not relevant"],
  [["Esc"], "close what is open, else back to the query"],
  [["?"], "this list"],
];

const isEditable = (target) =>
  target.matches("input:not([type=radio], [type=checkbox]), select, textarea");

/** Shows the list until it is closed. */
function createList() {
  const dialog = byId("keys");
  const row = ([keys, meaning]) => [
    el("dt", {}, keys.flatMap((key, at) => [at ? " " : null, el("kbd", {}, key)])),
    el("dd", {}, meaning),
  ];
  dialog.append(
    el("h2", { id: "keys-title" }, "Keys"),
    el("dl", {}, LIST.flatMap(row)),
    el("button", { type: "button", onclick: () => dialog.close() }, "Close"),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  byId("keys-button").addEventListener("click", () => dialog.showModal());
  return dialog;
}

/** Steps between the links of class `title` in a view, from the one in focus. */
function move(view, step) {
  const titles = [...view.root.querySelectorAll("a.title")].filter((title) => title.checkVisibility());
  const item = document.activeElement.closest?.("li");
  const at = titles.findIndex((title) => title === document.activeElement || title.closest("li") === item);
  if (at + step < 0) return view.focus();
  titles[Math.min(at + step, titles.length - 1)]?.focus();
}

/** Presses a button of the passage in focus, and of nothing around it. */
const press = (selector) =>
  document.activeElement.closest(".hit, .context-passages > li")?.querySelector(selector)?.click();

/**
 * Listens for keys.
 *
 * @param shell - offers `view()`, `panel`, `close()`, `isOpen()` and `openView(at)`.
 */
export function listenForKeys(shell) {
  const list = createList();
  const always = {
    "/": () => shell.view().focus(),
    "?": () => list.showModal(),
    1: () => shell.openView(0),
    2: () => shell.openView(1),
    3: () => shell.openView(2),
    4: () => shell.openView(3),
  };
  const onPassages = {
    ArrowDown: () => move(shell.view(), 1),
    ArrowUp: () => move(shell.view(), -1),
    j: () => move(shell.view(), 1),
    k: () => move(shell.view(), -1),
    w: () => press("button.why"),
    r: () => press("button.relevant"),
    n: () => press("button.irrelevant"),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      if (event.defaultPrevented) return;
      if (shell.isOpen()) return event.preventDefault(), shell.close();
      return shell.view().focus();
    }
    const hasPassages = shell.view().root.querySelector("a.title") !== null;
    if (event.target.matches?.(".query") && event.key === "ArrowDown" && hasPassages) {
      event.preventDefault();
      return move(shell.view(), 1);
    }
    if (isEditable(event.target)) return;
    const inPanel = shell.panel.contains(event.target) || event.target.type === "radio";
    // Without passages the arrows scroll, as everywhere; in a document always.
    const action = always[event.key] ?? (hasPassages && !inPanel ? onPassages[event.key] : undefined);
    if (!action) return;
    event.preventDefault();
    action();
  });
}
