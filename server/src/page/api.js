// The server's API, and its errors as exceptions.

/** An error the server told, or that it could not be reached. */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.parameter = error.parameter;
  }
}

async function call(path, options) {
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
  const body = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return {};
  });
  if (response.ok) return body;
  const unexpected = { code: "unexpected", message: `the server answered with status ${response.status}` };
  throw new ApiError(response.status, body.error ?? unexpected);
}

export const search = (body, signal) =>
  call("/v1/search", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });

export function getDocument({ id, collection, start, end }, signal) {
  const query = new URLSearchParams();
  if (collection) query.set("collection", collection);
  if (start !== null && end !== null) {
    query.set("start", start);
    query.set("end", end);
  }
  // The whole id is one segment: browsers resolve `..` between slashes.
  return call(`/v1/documents/${encodeURIComponent(id)}?${query}`, { signal });
}

export const collections = () => call("/v1/collections");
