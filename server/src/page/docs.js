// The page that shows the OpenAPI document of this server, and tries its routes.

import { keyForm, withKey } from "./access_key.js";
import { confirmed } from "./confirm.js";
import { byId, el, proseNodes, sentence, shortNumber } from "./dom.js";

const JSON_TYPE = "application/json";

/** Longest response that is shown, in characters; the rest is only counted. */
const SHOWN = 200_000;

const api = await fetch("/openapi.json")
  .then((response) => response.json())
  .catch((error) => {
    byId("status").textContent = "The server does not answer; it may have been stopped.";
    throw error;
  });

/** The schema a reference names, with what stands beside the reference. */
function resolved(schema) {
  if (!schema?.$ref) return schema ?? {};
  const name = schema.$ref.split("/").at(-1);
  const { $ref: _, ...beside } = schema;
  return { name, ...api.components.schemas[name], ...beside };
}

/** Paragraphs, with `code` between backticks. */
const prose = (text, tag = "p") =>
  (text ?? "").split("\n\n").filter(Boolean).map((paragraph) => el(tag, {}, proseNodes(paragraph)));

// Schemas

const typesOf = (schema) => [schema.type ?? []].flat().filter((type) => type !== "null");

/** "integer, from 1 to 100", "array of string". */
function typeText(schema) {
  const of = resolved(schema);
  if (of.enum) return of.enum.filter((value) => value !== null).map((value) => JSON.stringify(value)).join(" or ");
  const choices = of.oneOf?.map(resolved).filter((choice) => choice.type !== "null");
  if (choices?.length === 1) return typeText(choices[0]);
  if (choices) return choices.map((choice) => choice.name ?? typeText(choice)).join(" or ");
  const [type = of.name ?? "any"] = typesOf(of);
  const kind = type === "array" ? `array of ${resolved(of.items).name ?? typeText(of.items)}` : type;
  return [kind, ...limits(of)].join(", ");
}

function limits({ minimum, maximum, maxLength, minItems, maxItems }) {
  const range = (least, most, unit) => {
    if (most === undefined) return [];
    if (least === most) return [`${most} ${unit}`.trim()];
    return [`${least === undefined ? "at most" : `from ${least} to`} ${most} ${unit}`.trim()];
  };
  return [...range(minimum, maximum, ""), ...range(undefined, maxLength, "bytes"), ...range(minItems, maxItems, "items")];
}

/** The members of a schema, those that are required first: its own, or those of what it is made of. */
function members(schema) {
  const of = resolved(schema);
  if (of.properties) {
    const rows = Object.entries(of.properties).map(([name, property]) => ({ name, property, required: of.required?.includes(name) === true }));
    return rows.sort((a, b) => b.required - a.required);
  }
  const parts = of.allOf ?? of.oneOf?.filter((choice) => choice.type !== "null");
  return (parts ?? (of.items ? [of.items] : [])).flatMap(members);
}

/** The members of a schema as a list; what is inside one opens on demand, as schemas may hold themselves. */
function schemaList(schema) {
  const rows = members(schema).map(({ name, property, required }) => {
    const of = resolved(property);
    const line = [
      el("b", {}, name), " ",
      el("span", { class: "rule" }, `${typeText(property)}${required ? ", required" : ""}`),
      ...prose(of.description, "div"),
    ];
    if (members(property).length === 0) return el("li", { class: "leaf" }, line);
    const inside = el("details", {}, el("summary", {}, line));
    inside.addEventListener("toggle", () => inside.append(schemaList(property)), { once: true });
    return el("li", {}, inside);
  });
  return el("ul", {}, rows);
}

// Trying a route

function parameterRow({ name, required, schema, description, example, in: place }) {
  const input = el("input", {
    type: "text", name, value: place === "path" ? (example ?? "") : "", spellcheck: false, "data-place": place,
    placeholder: required ? "required" : typeText(schema),
  });
  return el("label", { class: "option" }, el("code", {}, name), input, el("span", {}, prose(description, "span")));
}

/** Path, query and body as the form has them. */
function requestOf(path, form) {
  const query = new URLSearchParams();
  let address = path;
  for (const input of form.querySelectorAll("input[data-place]")) {
    if (input.dataset.place === "path") address = address.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.set(input.name, input.value);
  }
  return { address: query.size ? `${address}?${query}` : address, body: form.querySelector("textarea")?.value };
}

function curl(method, { address, body }, type) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  // Only in JSON are line breaks of no account.
  const content = type === JSON_TYPE ? `-d ${quoted((body ?? "").replace(/\s*\n\s*/g, " "))}` : `--data-binary ${quoted(body ?? "")}`;
  const data = body === undefined ? "" : ` -H 'Content-Type: ${type}' ${content}`;
  return `curl -s${method === "GET" ? "" : ` -X ${method}`} ${quoted(location.origin + address)}${data}`;
}

async function send(method, { address, body }, type, answer) {
  const again = () => send(method, { address, body }, type, answer);
  answer.replaceChildren(el("p", {}, "Sent…"));
  const headers = withKey(body === undefined ? {} : { "Content-Type": type });
  const started = performance.now();
  try {
    const response = await fetch(address, { method, headers, body });
    const text = await response.text();
    const ms = shortNumber(performance.now() - started, 3);
    const size = text.length ? `, ${text.length.toLocaleString("en")} characters` : ", no body";
    answer.replaceChildren(
      el("p", { class: response.ok ? "" : "field-error" }, `${response.status} ${response.statusText} in ${ms} ms${size}`),
      response.status === 401 ? keyForm(sentence(JSON.parse(text).error.message), again) : "",
      text ? el("pre", { tabindex: "0" }, shown(text)) : "",
    );
  } catch {
    answer.replaceChildren(el("p", { class: "field-error" }, "The server does not answer; it may have been stopped."));
  }
}

function shown(text) {
  let pretty = text;
  try {
    pretty = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Shown as it came.
  }
  if (pretty.length <= SHOWN) return pretty;
  return `${pretty.slice(0, SHOWN)}\n… and ${(pretty.length - SHOWN).toLocaleString("en")} more characters`;
}

const jsonSchema = (content) => content?.[JSON_TYPE]?.schema;

/** Whether a request changes documents. */
const changes = (method, operation) => method !== "GET" && operation.tags.includes("documents");

/** What a body is sent as, and what it is to begin with; no type where there is none. */
function bodyOf(operation) {
  const content = operation.requestBody?.content;
  if (!content) return {};
  const [first] = Object.keys(content);
  if (first !== JSON_TYPE) return { type: first, text: "" };
  return { type: first, text: JSON.stringify(resolved(content[first].schema).examples?.[0] ?? {}, null, 2) };
}

function tryForm(method, path, operation) {
  const parameters = operation.parameters ?? [];
  const { type, text } = bodyOf(operation);
  const answer = el("div", { class: "response", "aria-live": "polite" });
  const command = el("pre", { class: "curl" });
  const form = el(
    "form", { class: "try", autocomplete: "off" },
    parameters.map(parameterRow),
    type ? el("textarea", { rows: text.split("\n").length + 1, value: text, spellcheck: false, "aria-label": `Body, ${type}` }) : null,
    el("p", {}, el("button", { type: "submit" }, "Send")),
    command,
  );
  const show = () => { command.textContent = curl(method, requestOf(path, form), type); };
  form.addEventListener("input", show);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const request = requestOf(path, form);
    if (changes(method, operation) && !(await confirmed("Change documents?", `${method} ${request.address}`, "Send it"))) return;
    send(method, request, type, answer);
  });
  show();
  return [form, answer];
}

// Routes

function responses(operation) {
  const rows = Object.entries(operation.responses).map(([status, { description, content }]) => {
    const schema = jsonSchema(content);
    const line = [el("b", {}, status), " ", ...prose(description, "span")];
    if (!schema) return el("li", { class: "leaf" }, line);
    const inside = el("details", {}, el("summary", {}, line));
    inside.addEventListener("toggle", () => inside.append(schemaList(schema)), { once: true });
    return el("li", {}, inside);
  });
  return el("div", { class: "explanation" }, el("ul", {}, rows));
}

function route(path, method, operation) {
  const body = jsonSchema(operation.requestBody?.content);
  const details = el(
    "details", { class: "route", id: operation.operationId },
    el("summary", {}, el("b", { class: "method" }, method), " ", el("code", {}, path), " ", el("span", {}, operation.summary)),
  );
  const fill = () => details.append(
    ...prose(operation.description),
    ...tryForm(method, path, operation),
    ...(body ? [el("h3", {}, "Body"), el("div", { class: "explanation" }, schemaList(body))] : []),
    el("h3", {}, "Responses"),
    responses(operation),
  );
  details.addEventListener("toggle", fill, { once: true });
  return details;
}

const operations = Object.entries(api.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));

byId("routes").replaceChildren(
  ...prose(api.info.description),
  ...api.tags.flatMap(({ name, description }) => [
    el("h2", {}, name),
    ...prose(description),
    ...operations
      .filter(({ operation }) => operation.tags.includes(name))
      .map(({ path, method, operation }) => route(path, method, operation)),
  ]),
);

// A link to a route opens it.
const linked = location.hash && byId(location.hash.slice(1));
if (linked) linked.open = true;
