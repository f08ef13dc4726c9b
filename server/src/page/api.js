// The server's API, and its errors as exceptions.

import { withKey } from "./access_key.js";
import { events } from "./sse.js";

/** An error the server told, or that it could not be reached. */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.parameter = error.parameter;
  }
}

let askForKey = () => {};

/** Has `ask(error)` called whenever the server asks for a key, or for another one. */
export const onKeyAsked = (ask) => {
  askForKey = ask;
};

/** A response that is a success. */
async function respond(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: withKey(options?.headers) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, {
      code: "unreachable",
      message: "the server does not answer; it may have been stopped",
    });
  }
  if (response.ok) return response;
  const body = await read(response);
  const unexpected = { code: "unexpected", message: `the server answered with status ${response.status}` };
  const refused = new ApiError(response.status, body.error ?? unexpected);
  if (refused.status === 401) askForKey(refused);
  throw refused;
}

const read = (response) =>
  response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return {};
  });

const post = (path, body, signal) =>
  respond(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });

export const search = async (body, signal) => read(await post("/v1/search", body, signal));

/**
 * Asks a question; `body.stream` must be true. Yields `{ event, data }`: `retrieval`,
 * `token`s, and `answer` at the end.
 *
 * @throws {ApiError} instead of the end where the server told an error, or the
 *   stream broke off.
 */
export async function* answer(body, signal) {
  const response = await post("/v1/answer", body, signal);
  try {
    for await (const { event, data } of events(response.body)) {
      if (event === "error") throw new ApiError(response.status, data.error);
      yield { event, data };
      if (event === "answer") return;
    }
  } catch (error) {
    if (error instanceof ApiError || error.name === "AbortError") throw error;
    // A connection that was lost, or something that is not the format.
  }
  throw new ApiError(0, { code: "broken_off", message: "the answer broke off before its end" });
}

/** Keeps a judgment of a passage. */
export const feedback = (body) => post("/v1/feedback", body);

/** The whole id is one segment: browsers resolve `..` between slashes. */
const documentPath = (id, query) => `/v1/documents/${encodeURIComponent(id)}?${query}`;

export async function getDocument({ id, collection, start, end }, signal) {
  const query = new URLSearchParams();
  if (collection) query.set("collection", collection);
  if (start !== null && end !== null) {
    query.set("start", start);
    query.set("end", end);
  }
  return read(await respond(documentPath(id, query), { signal }));
}

/** Puts a document of this media type; what became of it, or the job that will tell. */
export async function putDocument({ id, collection, title }, body, type) {
  const query = new URLSearchParams({ collection });
  if (title) query.set("title", title);
  return read(await respond(documentPath(id, query), { method: "PUT", headers: { "Content-Type": type }, body }));
}

/** Deletes a document; what became of it, or the job that will tell. */
export const deleteDocument = async ({ id, collection }) =>
  read(await respond(documentPath(id, new URLSearchParams({ collection })), { method: "DELETE" }));

/** The latest jobs, newest first. */
export const jobs = async (signal) => (await read(await respond("/v1/jobs", { signal }))).jobs;

/** A job with its items from a place on, a thousand at most. */
export const job = async (id, from, signal) =>
  read(await respond(`/v1/jobs/${encodeURIComponent(id)}?from=${from}`, { signal }));

export const collections = async () => read(await respond("/v1/collections"));
