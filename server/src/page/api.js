// The server's API, and its errors as exceptions.

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

/** A response that is a success. */
async function respond(path, options) {
  let response;
  try {
    response = await fetch(path, options);
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
  throw new ApiError(response.status, body.error ?? unexpected);
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

export async function getDocument({ id, collection, start, end }, signal) {
  const query = new URLSearchParams();
  if (collection) query.set("collection", collection);
  if (start !== null && end !== null) {
    query.set("start", start);
    query.set("end", end);
  }
  // The whole id is one segment: browsers resolve `..` between slashes.
  return read(await respond(`/v1/documents/${encodeURIComponent(id)}?${query}`, { signal }));
}

export const collections = async () => read(await respond("/v1/collections"));
