// The page without a mouse.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { inView, withPage } from "./harness.js";

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.className);

export default (world) =>
  describe("keyboard", () => {
    test("from a query to a document and back", () =>
      withPage(world, "/", {}, async (page) => {
        const { keyboard } = page;
        assert.equal(await focused(page), "query");
        await keyboard.type("spring tides at full moon");
        await page.waitForURL(/moon$/);
        await page.waitForSelector('#hits[aria-busy="false"] .hit');
        await keyboard.press("ArrowDown");
        assert.equal(await focused(page), "title");
        await keyboard.press("j");
        await keyboard.press("k");
        await keyboard.press("w");
        await page.waitForSelector(".hit:first-child .pipeline");
        await keyboard.press("Enter");
        await page.waitForSelector("#document .in-passage");
        assert.equal(await focused(page), "document");
        await keyboard.press("Escape");
        await page.waitForSelector("#document", { state: "hidden" });
        assert.equal(await focused(page), "title");
        await keyboard.press("ArrowUp");
        assert.equal(await focused(page), "query");
      }));

    test("a question, its first citation, and back", () =>
      withPage(world, "/", {}, async (page) => {
        const { keyboard } = page;
        await page.waitForSelector("#welcome li");
        await keyboard.press("Tab");
        await keyboard.press("2");
        await page.waitForURL(/\/ask/);
        assert.equal(await focused(page), "question");
        await keyboard.type("how long is the shaped loaf proofed");
        await keyboard.press("Enter");
        await page.waitForSelector(".answer .cite[href]");
        for (let steps = 0; steps < 60 && !/^cite/.test(await focused(page)); steps++) await keyboard.press("Shift+Tab");
        assert.match(await focused(page), /^cite/);
        assert.equal(await page.locator("#popover").isVisible(), true);
        await keyboard.press("Enter");
        await page.waitForSelector("#document .in-passage");
        await keyboard.press("Escape");
        assert.match(await focused(page), /^cite/);
      }));

    test("the list of keys opens and closes, and keys do nothing behind it", () =>
      withPage(world, "/?q=bread", {}, async (page) => {
        await page.waitForSelector(".hit");
        await page.keyboard.press("?");
        await page.waitForSelector("#keys[open]");
        await page.keyboard.press("3");
        assert.match(page.url(), /\/\?q=bread$/);
        await page.keyboard.press("Escape");
        await page.waitForSelector("#keys", { state: "hidden" });
        await page.keyboard.press("3");
        await page.waitForURL(/\/compare\?q=bread/);
      }));

    test("letters in fields are letters", () =>
      withPage(world, "/?q=bread", {}, async (page) => {
        await page.waitForSelector(".hit");
        await inView(page).getByLabel("Filter").focus();
        await page.keyboard.type("w/?3");
        assert.equal(await inView(page).getByLabel("Filter").inputValue(), "w/?3");
        assert.equal(await page.locator("#keys[open]").count(), 0);
      }));
  });
