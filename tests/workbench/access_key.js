// A server that asks for a key: the page asks for it, keeps it in the tab, and sends it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { assertAccessible, assertFits, PHONE, withPage } from "./harness.js";

export default (world) =>
  describe("a key", () => {
    const guarded = () => ({ ...world, base: world.guarded.base });

    test("is asked for once, and then everything answers", () =>
      withPage(guarded(), "/?q=how+long+is+bread+proofed", {}, async (page) => {
        await page.waitForSelector(".access-key input:focus");
        await assertAccessible(page, "a key");
        assert.equal(await page.locator(".hit").count(), 0);
        await page.keyboard.type(world.guarded.key);
        await page.keyboard.press("Enter");
        await page.waitForSelector(".hit");
        assert.equal(await page.locator(".access-key").count(), 0);
        await page.click(".hit >> nth=0 >> a.title");
        await page.waitForSelector("#document .in-passage");
        await page.goto("/ask?q=how+long+is+bread+proofed");
        await page.waitForSelector(".turn .answer");
        assert.equal(await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage })), "{}");
        assert.ok(!page.url().includes("tvo_"));
      }));

    test("that is wrong is asked for again", () =>
      withPage(guarded(), "/", PHONE, async (page) => {
        await page.fill(".access-key input", `tvo_${"0".repeat(72)}`);
        await page.click(".access-key button");
        await page.waitForSelector("text=does not know the key");
        await assertFits(page, "a wrong key");
      }));

    test("is sent by the page that tries the API", () =>
      withPage(guarded(), "/docs", {}, async (page) => {
        await page.click("#collections summary");
        await page.click("#collections button[type=submit]");
        await page.fill(".access-key input", world.guarded.key);
        await page.click(".access-key button");
        await page.waitForSelector("#collections .response pre >> text=texts");
      }));
  });
