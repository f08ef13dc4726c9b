// A server over a small index, a browser, and pages that fail when they misbehave.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { promisify } from "node:util";

import axe from "axe-core";
import { chromium } from "playwright-core";

import { writeCorpus } from "./corpus.js";
import { startModel } from "./model.js";

const START_MS = 60_000;
/** For one step in a page; generous, for machines that are busy. */
const STEP_MS = 60_000;
const BROWSER_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const KINDS = { ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml" };

const DESKTOP = { viewport: { width: 1280, height: 900 } };
export const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

/** Indexes the corpus, serves it with a made-up language model, and starts a browser. */
export async function startWorld() {
  const trovato = process.env.TROVATO_BIN;
  assert.ok(trovato, "TROVATO_BIN must name a trovato binary; see README.md");
  const folder = await mkdtemp(join(tmpdir(), "workbench-"));
  const texts = join(folder, "texts");
  const index = join(folder, "index");
  const models = join(folder, "models.toml");
  const model = await startModel();
  await writeFile(models, model.toml);
  await writeCorpus(texts);
  await promisify(execFile)(trovato, ["ingest", texts, "--index", index]);
  const server = spawn(trovato, [
    "serve", "--index", `texts=${index}`, "--listen", "127.0.0.1:0", "--models", models,
    "--rerank", "default", "--rerank-budget-ms", "10000", "--writable",
  ]);
  const base = await addressOf(server);
  const keys = join(folder, "keys.toml");
  const create = ["keys", "create", "--file", keys, "--name", "page", "--scope", "search,answer"];
  const { stdout } = await promisify(execFile)(trovato, create);
  const asking = spawn(trovato, ["serve", "--index", `texts=${index}`, "--listen", "127.0.0.1:0", "--keys", keys]);
  const guarded = { base: await addressOf(asking), key: stdout.trim() };
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: BROWSER_FLAGS });
  return {
    base,
    guarded,
    browser,
    model,
    async stop() {
      await browser.close();
      await model.stop();
      for (const running of [server, asking]) {
        running.kill("SIGINT");
        await new Promise((resolve) => running.once("exit", resolve));
      }
      await rm(folder, { recursive: true });
    },
  };
}

/** The address a server says it listens on, once it is ready. */
async function addressOf(server) {
  let said = "";
  const base = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no address after ${START_MS} ms: ${said}`)), START_MS);
    const read = (bytes) => {
      said += bytes;
      const found = /http:\/\/[\d.]+:\d+/.exec(said);
      if (found) clearTimeout(late), resolve(found[0]);
    };
    server.stdout.on("data", read);
    server.stderr.on("data", read);
    server.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  const until = Date.now() + START_MS;
  while (!(await fetch(`${base}/readyz`)).ok) {
    assert.ok(Date.now() < until, `not ready after ${START_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return base;
}

/** Shows the files of a folder in place of the binary's, under the binary's own headers. */
async function showFolder(context, base, folder) {
  const { headers } = await fetch(`${base}/`);
  const names = ["content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"];
  const own = Object.fromEntries(names.map((name) => [name, headers.get(name)]));
  await context.route((url) => !/^\/(v1|healthz|readyz|openapi)\b/.test(url.pathname), async (route) => {
    const { pathname } = new URL(route.request().url());
    const name = extname(pathname) ? pathname.slice(1) : pathname === "/docs" ? "docs.html" : "index.html";
    const body = await readFile(join(folder, name)).catch(() => null);
    if (!body) return route.fulfill({ status: 404, headers: own });
    return route.fulfill({ body, headers: { ...own, "content-type": KINDS[extname(name)] } });
  });
}

/**
 * Opens `path` and runs `steps(page)`.
 *
 * The test fails if the page logs an error (a breach of the content policy is one),
 * throws, opens a dialog of the browser, or asks another host for anything. A response
 * that is an error is not one of the page's.
 *
 * @param options - `before(page)` runs first, for interception; the rest is the
 *   browser context's.
 */
export async function withPage(world, path, options, steps) {
  const { before, ...settings } = options;
  const context = await world.browser.newContext({ ...DESKTOP, reducedMotion: "reduce", baseURL: world.base, ...settings });
  context.setDefaultTimeout(STEP_MS);
  const wrong = [];
  try {
    if (process.env.TROVATO_PAGE) await showFolder(context, world.base, process.env.TROVATO_PAGE);
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("dialog", (dialog) => (wrong.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${world.base}/`)) wrong.push(`asked for ${request.url()}`);
    });
    await before?.(page);
    await page.goto(path);
    await steps(page);
  } finally {
    await context.close();
  }
  assert.deepEqual(wrong, []);
}

/** Fails on anything that axe finds serious or critical. */
export async function assertAccessible(page, name) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
  });
  assert.deepEqual(found, [], name);
}

/** Fails if the page can be scrolled sideways. */
export async function assertFits(page, name) {
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= seen, `${name} is ${wide} pixels wide where ${seen} are seen`);
}

/** The text of the one element that `selector` finds. */
export const textOf = async (page, selector) => (await page.locator(selector).innerText()).trim();

/** The view that is shown: labels are the same in all of them. */
export const inView = (page) => page.locator("main > section:not([hidden])");
