// All suites in one process: one index, one server and one browser serve them.

import { after, before } from "node:test";

import accessSuite from "./access.js";
import askSuite from "./ask.js";
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

for (const suite of [modulesSuite, searchSuite, askSuite, compareSuite, inertSuite, keyboardSuite, accessSuite]) suite(world);
