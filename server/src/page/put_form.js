// The form that puts a document: written here, or a file.

import * as api from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, counted, el, sentence } from "./dom.js";
import { showFieldError } from "./options.js";

/** Media types by extension; the server reads no others. */
const TYPES = {
  md: "text/markdown",
  markdown: "text/markdown",
  html: "text/html",
  htm: "text/html",
  txt: "text/plain",
  pdf: "application/pdf",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  json: "application/json",
};

const extension = (name) => /\.([^./]+)$/.exec(name)?.[1].toLowerCase() ?? "";

/** What is written here is text, whatever its id says. */
function typeOfText(id) {
  const type = TYPES[extension(id)] ?? "";
  return type.startsWith("text/") ? type : "text/plain";
}

/**
 * The form of `shell`.
 *
 * @param onPut - called with what the server answers: a document or a job.
 */
export function createPutForm(shell, onPut) {
  const form = byId("put");
  const [collection, id, title, text, file] = ["collection", "id", "title", "text", "file"].map((name) => byId(`put-${name}`));
  const error = byId("put-error");
  const button = form.querySelector("button[type=submit]");
  file.accept = Object.keys(TYPES).map((name) => `.${name}`).join();

  function fill() {
    const names = shell.writable().map(({ name }) => name);
    if (collection.options.length !== names.length) collection.replaceChildren(...names.map((value) => el("option", { value }, value)));
    collection.parentElement.hidden = names.length < 2;
  }

  function fail(input, message) {
    for (const field of [id, text, file]) field.removeAttribute("aria-invalid");
    showFieldError(input, error, message);
    input.focus();
    return null;
  }

  /** What is to be sent, or null where that cannot be. */
  function read() {
    const [chosen] = file.files;
    const name = id.value.trim();
    if (!name) return fail(id, "A document needs an id.");
    if (!chosen && !text.value.trim()) return fail(text, "Write a text, or choose a file.");
    if (chosen && text.value.trim()) return fail(text, "There are a text and a file; leave one of them out.");
    const type = chosen ? TYPES[extension(chosen.name)] : `${typeOfText(name)}; charset=utf-8`;
    if (!type) return fail(file, `Files of this type are not read; there are ${Object.keys(TYPES).join(", ")}.`);
    const body = chosen ?? new Blob([text.value]);
    const most = shell.served().limits.write_bytes;
    if (body.size > most) return fail(chosen ? file : text, `It has ${counted(body.size, "byte")}; the server takes at most ${counted(most, "byte")}.`);
    return { target: { id: name, collection: collection.value, title: title.value.trim() }, body, type };
  }

  /** Whether there is a document of this id already. */
  const exists = ({ id, collection }) =>
    api.getDocument({ id, collection, start: null, end: null }).then(
      () => true,
      (error) => {
        if (error.code === "unknown_document") return false;
        throw error;
      },
    );

  async function submit() {
    const given = read();
    if (!given) return;
    const { target, body, type } = given;
    const place = `${target.id} in ${target.collection}`;
    const isThere = await exists(target);
    const agreed = isThere
      ? await confirmed("Replace this document?", `There is a document ${place}. What it says now is lost.`, "Replace it")
      : await confirmed("Put this document?", `${place} will be new.`, "Put it");
    if (!agreed) return;
    onPut(await api.putDocument(target, body, type));
    form.reset();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    showFieldError(id, error, null);
    for (const field of [text, file]) field.removeAttribute("aria-invalid");
    button.disabled = true;
    try {
      await submit();
    } catch (refusal) {
      error.textContent = sentence(refusal.message);
      error.hidden = false;
    }
    button.disabled = false;
  });

  file.addEventListener("change", () => {
    if (!id.value && file.files[0]) id.value = file.files[0].name;
  });

  return { fill };
}
