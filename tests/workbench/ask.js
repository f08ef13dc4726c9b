// Asking: a streamed answer, its citations, what it was made from, and what can go wrong.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { inView, textOf, withPage } from "./harness.js";
import { answerOf, answerWith, brokenStream, failingStream, streamOf, writtenOf } from "./stub.js";

const ASKED = "/ask?q=how+long+is+the+shaped+loaf+proofed";

const WRITTEN = "Two ways:\n\n- the `first` **way**[1]\n- another\n\n```rust\nlet a = [1];\n```";

const ABSTAINED = answerOf({
  abstained: true, answer: "", claims: [], citations: [], confidence: 0.1, nearest: answerOf().citations,
});

/** Options of a page whose questions are all answered so. */
const given = (respond) => ({ before: (page) => answerWith(page, respond) });

export default (world) => {
  // Against the server, and a model whose replies are chosen here.
  describe("ask", () => {
    test("a question is answered with citations that open their document", () =>
      withPage(world, "/ask", {}, async (page) => {
        await page.fill("#question", "how long is the shaped loaf proofed");
        await page.press("#question", "Enter");
        await page.waitForSelector(".turn .citations li");
        assert.match(await textOf(page, ".turn .answer"), /twelve hours/);
        assert.match(await textOf(page, ".turn .answer-meta"), /Confidence[\s\S]*\d+ %[\s\S]*citation[\s\S]*verified[\s\S]*first byte/);
        assert.match(await textOf(page, ".turn .citations li >> nth=0"), / Verified/);
        await page.focus(".answer .cite >> nth=0");
        assert.match(await textOf(page, "#popover"), /Sourdough bread[\s\S]*Verified/);
        await page.click(".answer .cite >> nth=0");
        await page.waitForSelector("#document .in-passage");
        assert.match(await page.locator("#document mark").first().innerText(), /\w/);
        assert.equal(await page.locator("#popover").isVisible(), false);
      }));

    test("a conversation is in its address, and is asked again from it", () =>
      withPage(world, `${ASKED}&q=and+the+bicycle+chain`, {}, async (page) => {
        await page.waitForSelector(".turn:nth-child(2) .answer-meta");
        assert.deepEqual(await page.locator(".turn h2").allInnerTexts(), ["how long is the shaped loaf proofed", "and the bicycle chain"]);
        await page.goto("/ask");
        assert.equal(await page.locator(".turn").count(), 0);
      }));

    test("what was read for an answer is listed", () =>
      withPage(world, ASKED, {}, async (page) => {
        await page.waitForSelector(".turn .answer-meta");
        await page.click(".turn summary >> nth=0");
        assert.match(await textOf(page, ".turn summary >> nth=0"), /^Read by extractive: \d+ passages? \([\d,]+ of [\d,]+ tokens/);
        assert.ok((await page.locator(".context-passages > li").count()) > 0);
      }));

    test("who answers is chosen by keyboard, kept in the address, and told", () => {
      world.model.reply = () => 'The shaped loaf is "proofed in the refrigerator for twelve hours" [1]. Some say it is "eaten by elves" [1].';
      const sent = [];
      const listening = async (page) => page.on("request", (request) => request.url().endsWith("/v1/answer") && sent.push(request.postDataJSON().model));
      return withPage(world, "/ask", { before: listening }, async (page) => {
        await page.fill("#question", "how long is the shaped loaf proofed");
        await page.press("#question", "Enter");
        await page.waitForSelector(".turn .answer-meta");
        assert.equal(await page.locator(".written").count(), 0);
        await inView(page).getByLabel("Answered by").focus();
        await page.keyboard.press("ArrowDown");
        await page.waitForURL(/[?&]model=written/);
        await page.fill("#question", "is the loaf proofed in the refrigerator");
        await page.press("#question", "Enter");
        await page.waitForSelector(".turn:nth-child(2) .written");
        assert.deepEqual(sent, [undefined, "written"]);
        assert.match(await textOf(page, ".written"), /^Written by made-up-1\s+prompt cited-v1 [0-9a-f]{16}\s+[\d,]+ tokens read, [\d,]+ written\s+\$0\.0\d+$/);
        const turn = page.locator(".turn:nth-child(2)");
        const verdicts = await turn.locator(".citations .verdict").allInnerTexts();
        assert.deepEqual(verdicts.map((text) => text.replace(/^\W+/, "")), ["Verified", "Not found"]);
        assert.deepEqual(await turn.locator(".answer .cite").allInnerTexts(), ["1", "2\u2715"]);
        assert.doesNotMatch(await turn.locator(".answer-meta").first().innerText(), /Confidence|NaN/);
      });
    });

    test("a model that refuses is shown as no answer", () => {
      world.model.reply = () => "[[ABSTAIN]]";
      return withPage(world, `${ASKED}&model=written`, {}, async (page) => {
        await page.waitForSelector(".turn .written");
        assert.match(await textOf(page, ".turn .answer"), /^No answer in these documents/);
        assert.doesNotMatch(await textOf(page, ".turn"), /ABSTAIN/);
      });
    });

    test("what a model is writing can be stopped, and is said not to be checked", async () => {
      Object.assign(world.model, { reply: () => "word ".repeat(200), pauseMs: 100 });
      await withPage(world, `${ASKED}&model=written`, {}, async (page) => {
        await page.waitForSelector(".answer.writing");
        await page.click("#stop-button");
        assert.match(await textOf(page, ".turn .answer"), /^word/);
        assert.match(await textOf(page, ".turn .answer-meta"), /Stopped: the citations were not checked/);
      });
      world.model.pauseMs = 0;
    });

    test("a model that fails is told, and asked again", () => {
      world.model.reply = () => null;
      return withPage(world, `${ASKED}&model=written`, {}, async (page) => {
        await page.waitForSelector(".turn .error");
        assert.match(await textOf(page, ".turn .error"), /^No answer\s+The model "written"/);
        world.model.reply = () => "It rests [1].";
        // The choice was right, what was chosen failed.
        assert.equal(await inView(page).getByLabel("Answered by").getAttribute("aria-invalid"), null);
        await page.getByRole("button", { name: "Ask again" }).click();
        await page.waitForSelector(".turn .written");
      });
    });

    test("a model that is not offered is refused beside the choice", () =>
      withPage(world, `${ASKED}&model=nobody`, {}, async (page) => {
        await page.waitForSelector(".turn .error");
        assert.match(await textOf(page, ".turn .error"), /it must be one of extractive, written/);
        assert.equal(await inView(page).getByLabel("Answered by").getAttribute("aria-invalid"), "true");
      }));
  });

  // What no server gives at will.
  describe("answers of all kinds", () => {
    test("a follow-up sends what was answered and says what it was read as", async () => {
      const bodies = [];
      const respond = (body) => {
        bodies.push(body);
        const leans = body.history !== undefined;
        const standalone = leans
          ? { query: "loaf refrigerator how hot is it baked", rules: ['"it" stands for something said before'], added: ["loaf", "refrigerator"] }
          : { query: body.question, rules: [], added: [] };
        return streamOf(answerOf({ question: body.question, standalone }));
      };
      await withPage(world, "/ask?q=how+long+is+bread+proofed", given(respond), async (page) => {
        await page.waitForSelector(".turn .answer-meta");
        assert.equal(await page.locator(".standalone").count(), 0);
        await page.fill("#question", "how hot is it baked");
        await page.click("#ask-button");
        await page.waitForSelector(".turn:nth-child(2) .answer-meta");
        assert.match(await textOf(page, ".standalone"), /loaf refrigerator how hot is it baked[\s\S]*"it" stands for something/);
        assert.equal(await textOf(page, ".standalone b"), "how hot is it baked");
      });
      assert.equal(bodies[0].history, undefined);
      assert.equal(bodies[1].history.length, 1);
      assert.equal(bodies[1].history[0].question, "how long is bread proofed");
      // Without the markers of its citations.
      assert.match(bodies[1].history[0].answer, /twelve hours\.$/);
    });

    test("quotes that do not stand where they should are marked in words", async () => {
      const { citations: [citation] } = answerOf();
      const citations = ["found", "elsewhere", "stitched", "not_found", "unquoted"].map((verdict, at) => ({
        ...citation, number: at + 1, verdict, places: verdict === "not_found" || verdict === "unquoted" ? [] : citation.places,
      }));
      const answer = answerOf({ answer: "One.[1] Two.[2] Three.[3] Four.[4] Five.[5] Six.[9]", citations });
      await withPage(world, ASKED, given(() => streamOf(answer)), async (page) => {
        await page.waitForSelector(".citations");
        const verdicts = await page.locator(".citations .verdict").allInnerTexts();
        assert.deepEqual(verdicts.map((text) => text.replace(/^\W+/, "")), ["Verified", "Stands elsewhere", "Stitched together", "Not found", "Nothing quoted"]);
        assert.deepEqual(await page.locator(".answer .cite").allInnerTexts(), ["1", "2?", "3?", "4\u2715", "5?"]);
        // A marker without its citation stays text.
        assert.match(await textOf(page, ".answer"), /Six\.\[9\]$/);
        assert.match(await textOf(page, ".answer-meta"), /5 citations looked up, 1 verified/);
        await page.hover(".answer .cite >> nth=3");
        assert.match(await textOf(page, "#popover"), /stands nowhere/);
        await page.keyboard.press("Escape");
        assert.equal(await page.locator("#popover").isVisible(), false);
      });
    });

    test("no answer is shown as such, with the nearest sentences, or else passages", async () => {
      for (const [nearest, list] of [[ABSTAINED.nearest, ".answer > .citations"], [[], ".answer > .context-passages"]]) {
        await withPage(world, ASKED, given(() => streamOf({ ...ABSTAINED, nearest })), async (page) => {
          await page.waitForSelector(".turn .notice");
          assert.match(await textOf(page, ".turn .answer"), /^No answer in these documents[\s\S]*What comes nearest[\s\S]*Sourdough bread/);
          assert.match(await textOf(page, list), /refrigerator/);
          assert.equal(await page.locator(".answer-foot .citations").count(), 0);
        });
      }
    });

    test("what a written answer cost, and what is wrong with it, is told", async () => {
      const written = { ...writtenOf().written, repairs: 1, is_cut: true };
      const usage = { input_tokens: null, output_tokens: null, cost_usd: null };
      await withPage(world, ASKED, given(() => streamOf(writtenOf())), async (page) => {
        await page.waitForSelector(".written");
        assert.match(await textOf(page, ".written"), /1,660 tokens read, 125 written\s+\$0\.00032\s+1 retry$/);
        assert.match(await textOf(page, ".answer-meta >> nth=0"), /^2 citations looked up, 1 verified\s+1 sentence without a citation/);
      });
      await withPage(world, ASKED, given(() => streamOf(writtenOf({ written, usage }))), async (page) => {
        await page.waitForSelector(".written");
        assert.match(await textOf(page, ".written"), /tokens not counted\s+cost not known\s+1 retry\s+1 repair$/);
        assert.match(await textOf(page, ".answer-foot .notice"), /The end is missing/);
      });
    });

    test("the end of a stream moves neither the focus nor what was read", async () => {
      const answer = writtenOf({ answer: "```text\nflour\n```\n\nIt rests for long. [1]\nIt is eaten by elves. [2]" });
      const [head, tail] = streamOf(answer).split("event: answer");
      // The body of a response comes at once: the page's own reader is cut in two.
      const halting = (page) => page.addInitScript(([head, tail]) => {
        const real = window.fetch;
        window.fetch = (path, options) => {
          if (path !== "/v1/answer") return real(path, options);
          const bytes = (text) => new TextEncoder().encode(text);
          const body = new ReadableStream({
            start(stream) {
              stream.enqueue(bytes(head));
              window.goOn = () => (stream.enqueue(bytes(tail)), stream.close());
            },
          });
          return Promise.resolve(new Response(body));
        };
      }, [head, `event: answer${tail}`]);
      await withPage(world, ASKED, { before: halting }, async (page) => {
        await page.waitForSelector(".answer.writing .cite.pending >> nth=1");
        const top = () => page.locator(".answer p").evaluate((node) => node.getBoundingClientRect().top);
        const before = await top();
        await page.focus(".answer pre");
        await page.evaluate(() => window.goOn());
        await page.waitForSelector(".citations");
        assert.equal(await page.evaluate(() => document.activeElement.tagName), "PRE");
        assert.equal(await top(), before);
      });
      await withPage(world, ASKED, { before: halting }, async (page) => {
        await page.waitForSelector(".answer.writing");
        await page.focus("#stop-button");
        await page.evaluate(() => window.goOn());
        await page.waitForSelector(".citations");
        assert.equal(await page.evaluate(() => document.activeElement.id), "ask-button");
      });
    });

    test("what was left out of the context is told with the reason", () =>
      withPage(world, ASKED, given(() => streamOf(answerOf())), async (page) => {
        await page.click(".turn summary >> nth=0");
        assert.match(await textOf(page, ".left-out"), /texts\/tides\.html – did not fit/);
      }));

    test("errors are told, and the question can be asked again", async () => {
      const cases = [
        [() => failingStream({ code: "model_failed", message: "the model did not answer within 30 s" }), /The model did not answer/],
        [() => brokenStream(), /The answer broke off/],
      ];
      for (const [respond, message] of cases) {
        let times = 0;
        const failingOnce = (body) => (times++ === 0 ? respond(body) : streamOf(answerOf()));
        await withPage(world, ASKED, given(failingOnce), async (page) => {
          await page.waitForSelector(".turn .error");
          assert.match(await textOf(page, ".turn .error"), message);
          await page.getByRole("button", { name: "Ask again" }).click();
          await page.waitForSelector(".turn .citations");
          assert.equal(await page.locator(".turn").count(), 1);
        });
      }
      const refuse = (page) => page.route("**/v1/answer", (route) => route.fulfill({
        status: 400, json: { error: { code: "invalid_parameter", message: "`filter`: at byte 8: expected a value, found the end", parameter: "filter" } },
      }));
      await withPage(world, `${ASKED}&filter=format+%3D`, { before: refuse }, async (page) => {
        await page.waitForSelector(".turn .error");
        assert.equal(await inView(page).getByLabel("Filter").getAttribute("aria-invalid"), "true");
      });
    });

    test("an answer that is being written can be stopped", () => {
      // The response is held back until the page gives up.
      const holding = (page) => page.route("**/v1/answer", () => {});
      return withPage(world, ASKED, { before: holding }, async (page) => {
        await page.click("#stop-button");
        assert.match(await textOf(page, ".turn"), /Stopped/);
        assert.equal(await page.locator("#ask-button").isVisible(), true);
        await page.unroute("**/v1/answer");
        await answerWith(page, () => streamOf(answerOf()));
        await page.fill("#question", "and now");
        await page.press("#question", "Enter");
        await page.waitForSelector(".turn .citations");
        assert.deepEqual(await page.locator(".turn h2").allInnerTexts(), ["and now"]);
      });
    });

    test("lists, code and emphasis of an answer are shown as such", () =>
      withPage(world, ASKED, given(() => streamOf(answerOf({ answer: WRITTEN }))), async (page) => {
        await page.waitForSelector(".citations");
        assert.equal(await page.locator(".answer ul > li").count(), 2);
        assert.equal(await textOf(page, ".answer li code"), "first");
        assert.equal(await textOf(page, ".answer li strong"), "way");
        // No marker inside code.
        assert.equal(await textOf(page, ".answer pre"), "let a = [1];");
      }));
  });
};
