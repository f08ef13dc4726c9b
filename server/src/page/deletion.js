// Deleting the document that is shown.

import * as api from "./api.js";
import { confirmed } from "./confirm.js";
import { showDocumentMessage } from "./document.js";
import { el, sentence } from "./dom.js";

/** Asks, deletes the document `{ id, collection }` that `panel` shows, and says so there. */
export async function deleteDocument(panel, { id, collection }, shell) {
  const agreed = await confirmed("Delete this document?", `${id} goes from ${collection} and from every search. It cannot be brought back from here.`, "Delete it");
  if (!agreed) return;
  try {
    const { job } = await api.deleteDocument({ id, collection });
    const told = job ? "Its deletion waits; the view of changes tells when it is gone." : "It is deleted, and no search finds it any more.";
    showDocumentMessage(panel, id, told, shell, { role: "status" });
    panel.focus({ preventScroll: true });
    shell.changed();
  } catch (error) {
    const place = panel.querySelector(".document-body");
    place?.prepend(el("p", { class: "notice error", role: "alert" }, sentence(error.message)));
  }
}
