// The document beside or over the view, as the state says.

import * as api from "./api.js";
import { deleteDocument } from "./deletion.js";
import { showDocument, showDocumentMessage } from "./document.js";
import { byId, sentence } from "./dom.js";

const wide = matchMedia("(min-width: 68rem)");

/** The panel of `shell`. */
export function createPanel(shell) {
  const panel = byId("document");
  let shown = "";
  let reading = null;

  /** On a narrow screen the document covers the rest, which must not be tabbed into. */
  const shield = () => {
    byId("main-column").inert = !panel.hidden && !wide.matches;
  };
  wide.addEventListener("change", shield);

  async function show({ doc: id, start, end, collection }) {
    document.body.classList.toggle("split", id !== null);
    panel.hidden = id === null;
    shield();
    const wanted = JSON.stringify([id, start, end, collection]);
    if (wanted === shown) return;
    shown = wanted;
    reading?.abort();
    if (id === null) return panel.replaceChildren();
    const mine = (reading = new AbortController());
    const target = { id, collection, start, end };
    try {
      // A link may be older than the document: a span that no longer fits is
      // dropped, the document is still worth showing.
      const body = await api.getDocument(target, mine.signal).catch((error) => {
        if (error.parameter !== "start" && error.parameter !== "end") throw error;
        return api.getDocument({ ...target, start: null, end: null }, mine.signal);
      });
      if (mine !== reading) return;
      const place = { id: body.document, collection: body.collection };
      const canDelete = shell.writable().some(({ name }) => name === body.collection);
      showDocument(panel, body, shell, canDelete ? () => deleteDocument(panel, place, shell) : null);
    } catch (error) {
      if (error.name === "AbortError" || mine !== reading) return;
      shown = "";
      showDocumentMessage(panel, id, sentence(error.message), shell);
    }
  }

  return { root: panel, show, outdate: () => (shown = "") };
}
