// The JavaScript agent and the workspace's pair: `pair.mjs PACKAGES URL CALLER CALLEE`, where PACKAGES is the folder that
// `npm install` was run in, and URL that of a live network on which everybody controls the two canisters. The last line
// that it prints is the number of calls that passed.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, host, caller, callee] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const { Actor, AnonymousIdentity, HttpAgent } = require('@icp-sdk/core/agent');
const { Ed25519KeyIdentity } = require('@icp-sdk/core/identity');
const { Principal } = require('@icp-sdk/core/principal');

const idlFactory = ({ IDL }) =>
  IDL.Service({
    setup_callee: IDL.Func([IDL.Principal], [], []),
    sequential_calls: IDL.Func([IDL.Nat64], [IDL.Nat64], []),
    parallel_calls: IDL.Func([IDL.Nat64], [IDL.Nat64], []),
  });

async function actorOf(identity) {
  const agent = await HttpAgent.create({ host, identity, shouldFetchRootKey: true, retryTimes: 0 });
  return Actor.createActor(idlFactory, { agent, canisterId: caller });
}

const stranger = await actorOf(Ed25519KeyIdentity.generate());
await assert.rejects(stranger.setup_callee(Principal.fromText(callee)), /controller/);

const controller = await actorOf(new AnonymousIdentity());
await controller.setup_callee(Principal.fromText(callee));
const expected = [
  ['sequential_calls', 100n, 100n],
  ['parallel_calls', 100n, 100n],
  ['sequential_calls', 2000n, 2000n],
  ['parallel_calls', 2000n, 500n],
];
for (const [method, calls, succeeded] of expected) {
  assert.equal(await controller[method](calls), succeeded, `${method}(${calls})`);
}
console.log(`passed: ${expected.length}`);
