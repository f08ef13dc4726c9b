// The key that a server may ask for: kept by this tab until it is closed, and sent with
// every request.

import { el } from "./dom.js";

const NAME = "trovato-key";

/** What a key looks like; anything else need not be sent to be refused. */
const FORM = "tvo_[0-9a-f]{72}";

/** The headers of a request, with the key if there is one. */
export function withKey(headers = {}) {
  const key = sessionStorage.getItem(NAME);
  return key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
}

/** A field for the key, with the server's reason to ask; `entered()` once there is one. */
export function keyForm(reason, entered) {
  const input = el("input", {
    name: "key", type: "password", required: true, pattern: FORM, autocomplete: "off", spellcheck: false,
    title: "tvo_ and 72 digits, as it was given to you", placeholder: "tvo_\u2026",
  });
  const keep = (event) => {
    event.preventDefault();
    sessionStorage.setItem(NAME, input.value.trim());
    // A refusal of this key makes a field with its own reason.
    event.currentTarget.remove();
    entered();
  };
  return el(
    "form", { class: "notice access-key", autocomplete: "off", onsubmit: keep },
    el("label", {}, reason, input), " ",
    el("button", { type: "submit" }, "Use this key"),
  );
}
