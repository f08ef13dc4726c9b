// All suites in one process: one index, one server and one browser serve them.

import { after, before } from "node:test";

import accessSuite from "./access.js";
import keySuite from "./access_key.js";
import askSuite from "./ask.js";
import changesSuite from "./changes.js";
import compareSuite from "./compare.js";
import { startWorld } from "./harness.js";
import inertSuite from "./inert.js";
import keyboardSuite from "./keyboard.js";
import modulesSuite from "./modules.js";
import searchSuite from "./search.js";

/** Filled before the first test runs. */
const world = {};

before(async () => Object.assign(world, await startWorld()));
after(() => world.stop?.());

for (const suite of [modulesSuite, searchSuite, askSuite, compareSuite, changesSuite, inertSuite, keyboardSuite, accessSuite, keySuite]) suite(world);
