// A language model that replies what a test says, in OpenAI's chat format, so that the
// server writes answers without one.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const tomlOf = (port) => `[[model]]
name = "written"
provider = "openai"
model = "made-up"
base_url = "http://127.0.0.1:${port}/v1"
max_retries = 0
price.input_usd_per_mtok = 0.15
price.output_usd_per_mtok = 0.60
`;

const lengthOf = (text) => Math.ceil(text.length / 4);

/**
 * Starts one on a free port.
 *
 * @returns `toml`, as `trovato serve --models` reads it, and `stop()`. A test sets
 *   `reply(shown)`, the reply to the passages and the question as they are shown, and
 *   `pauseMs` after each of its words. Where `reply` gives null the request fails.
 */
export async function startModel() {
  const server = createServer();
  const model = {
    reply: () => null,
    pauseMs: 0,
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
  server.on("request", async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const shown = JSON.parse(body).messages.at(-1).content;
    const text = model.reply(shown);
    if (text === null) return response.writeHead(500).end();
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const tell = (data) => response.write(`data: ${JSON.stringify({ model: "made-up-1", ...data })}\n\n`);
    for (const content of text.match(/\S+\s*/g)) {
      tell({ choices: [{ delta: { content } }] });
      await pause(model.pauseMs);
    }
    tell({ choices: [{ delta: {}, finish_reason: "stop" }] });
    tell({ choices: [], usage: { prompt_tokens: lengthOf(shown), completion_tokens: lengthOf(text) } });
    response.end("data: [DONE]\n\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(model, { toml: tomlOf(server.address().port) });
}
