// A language model that replies what a test says, in OpenAI's chat format, so that the
// binary writes an answer without one.

import { once } from "node:events";
import { createServer } from "node:http";

const WORDS = /\S+\s*/g;

/** What a reply is made of where a test sets none: a refusal. */
const REFUSAL = "[[ABSTAIN]]";

/**
 * Starts it on a free port.
 *
 * @returns `address`, `toml` (what `trovato serve --models` reads), `reply`, a function of
 *   the numbered passages it is shown, as text, which a test may set, and `stop()`.
 */
export async function startModel() {
  const model = { reply: () => REFUSAL, pauseMs: 0 };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const shown = JSON.parse(body).messages.at(-1).content;
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const tell = (data) => response.write(`data: ${JSON.stringify({ model: "made-up-1", ...data })}\n\n`);
    const text = model.reply(shown);
    for (const content of text.match(WORDS) ?? []) {
      tell({ choices: [{ delta: { content } }] });
      if (model.pauseMs) await new Promise((resolve) => setTimeout(resolve, model.pauseMs));
    }
    tell({ choices: [{ delta: {}, finish_reason: "stop" }] });
    tell({ choices: [], usage: { prompt_tokens: Math.ceil(shown.length / 4), completion_tokens: Math.ceil(text.length / 4) } });
    response.end("data: [DONE]\n\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  model.toml = `[[model]]
name = "written"
provider = "openai"
model = "made-up"
base_url = "http://127.0.0.1:${server.address().port}/v1"
price.input_usd_per_mtok = 0.15
price.output_usd_per_mtok = 0.60
`;
  model.stop = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return model;
}
