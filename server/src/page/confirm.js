// A question before something that cannot be taken back.

import { el } from "./dom.js";

let asked = 0;

/**
 * Asks in a dialog, whose safe answer has the focus; whether it was agreed to.
 *
 * @param action - what the button says that agrees.
 */
export function confirmed(title, text, action) {
  const id = `confirm-${++asked}`;
  const cancel = el("button", { type: "submit", value: "" }, "Cancel");
  const agree = el("button", { type: "submit", class: "primary", value: "agreed" }, action);
  const dialog = el(
    "dialog",
    { class: "confirm", role: "alertdialog", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` },
    el("h2", { id: `${id}-title` }, title),
    el("p", { id: `${id}-text` }, text),
    el("form", { method: "dialog" }, cancel, agree),
  );
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "agreed");
    });
  });
}
