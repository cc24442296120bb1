// Uses the page of a live network: node scripts/use-page.mjs SCENARIO VERSION FOLDER LINK [PARAMETER...]
//
// LINK is the link that the network has printed. The canisters caller and callee are deployed there. Fails with the
// first thing that is not as it should be. A line `do: SOMETHING` on the output asks the caller to do something, and to
// write a line to the input then. VERSION and FOLDER are those of `playwright-core`, as in open-in-browser.mjs. Exits
// with status 69 if the package or a browser cannot be had.

import assert from "node:assert/strict";
import { browser, problems, scenario } from "./page/session.mjs";
import * as attacks from "./page/attacks.mjs";
import * as connections from "./page/connections.mjs";
import * as people from "./page/people.mjs";

const { keyboard, equalRuns, shortCalls, manyMessages, wrongArguments, narrowAndDark, follow } = people;
const { withoutToken, wrongTokens, hostileLog, hostileTexts, others, otherOrigin } = attacks;
const { hiddenTabs, afterAGap, anotherNetwork, restart, rest, links } = connections;

/** What is tested, by the name of the scenario. */
const SCENARIOS = {
  use: [
    ...[keyboard, equalRuns, shortCalls, manyMessages, wrongArguments, narrowAndDark, hiddenTabs, afterAGap, anotherNetwork],
    ...[withoutToken, wrongTokens, hostileLog, hostileTexts, others, otherOrigin],
  ],
  // PARAMETER: where to write a picture of the page, if at all. The two canisters are on different subnets, and rounds take time.
  follow: [follow],
  // The caller ends the network and starts it again.
  restart: [restart],
  // The caller tells the processor time of the network.
  rest: [rest],
  // PARAMETERS: links to the canister callee, and to a canister that serves a page.
  links: [links],
};

try {
  for (const test of SCENARIOS[scenario]) {
    await test();
    console.log(`done: ${test.name}`);
  }
} finally {
  await browser.close();
}
assert.deepEqual(problems, []);
process.exit();
