// The JavaScript agent: `agent.mjs PACKAGES URL ONE OTHER`, where PACKAGES is the folder that `npm install` was run in, URL
// that of a live network, and ONE and OTHER are counters on its two subnets. The last line that it prints is the number of
// identities, canisters, changed bytes and wrong clocks whose checks passed.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, host, ...counters] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const { Actor, AnonymousIdentity, CanisterStatus, HttpAgent } = require('@icp-sdk/core/agent');
const { DelegationChain, DelegationIdentity, ECDSAKeyIdentity, Ed25519KeyIdentity } = require('@icp-sdk/core/identity');
const { Secp256k1KeyIdentity } = require('@icp-sdk/core/identity/secp256k1');
const { Principal } = require('@icp-sdk/core/principal');

let passed = 0;

const idlFactory = ({ IDL }) =>
  IDL.Service({
    count: IDL.Func([], [IDL.Nat64], []),
    count_on: IDL.Func([IDL.Principal], [IDL.Nat64], []),
    read: IDL.Func([], [IDL.Nat64], ['query']),
    fail: IDL.Func([], [], []),
    refuse: IDL.Func([], [], []),
  });

/** Users: one for each way to sign. */
async function identities() {
  const [user, session] = [Ed25519KeyIdentity.generate(), await ECDSAKeyIdentity.generate()];
  const chain = await DelegationChain.create(user, session.getPublicKey(), new Date(Date.now() + 60_000), {
    targets: counters.map(text => Principal.fromText(text)),
  });
  return {
    anonymous: new AnonymousIdentity(),
    ed25519: user,
    secp256k1: Secp256k1KeyIdentity.generate(),
    p256: session,
    delegated: DelegationIdentity.fromDelegation(session, chain),
  };
}

const agentOf = (identity, options = {}) =>
  HttpAgent.create({ host, identity, shouldFetchRootKey: true, retryTimes: 0, ...options });

const counter = (agent, canisterId) => Actor.createActor(idlFactory, { agent, canisterId });

/** Calls within a subnet and across, queries, and failures. */
async function calls(name, agent) {
  const [one, other] = counters.map(id => counter(agent, id));
  for (const actor of [one, other]) {
    const count = await actor.read();
    assert.equal(await actor.count(), count + 1n, name);
    assert.equal(await actor.read(), count + 1n, name);
    await assert.rejects(actor.fail(), /told to fail/, name);
    await assert.rejects(actor.refuse(), /told to refuse/, name);
  }
  const count = await other.read();
  assert.equal(await one.count_on(Principal.fromText(counters[1])), count + 1n, name);
}

/** What the state says of a canister. */
async function reads(agent) {
  for (const text of counters) {
    const canisterId = Principal.fromText(text);
    const status = await CanisterStatus.request({ canisterId, agent, paths: ['time', 'controllers', 'module_hash', 'subnet'] });
    assert.ok(Math.abs(status.get('time') - Date.now()) < 60_000);
    assert.equal(status.get('controllers').length, 1);
    assert.equal(status.get('module_hash').length, 64);
    assert.ok(status.get('subnet').nodeKeys.size > 0);
    passed += 1;
  }
}

/** An answer with one bit flipped is rejected, wherever it is. */
async function tampering() {
  let place;
  let tamperedWith = '';
  const flipping = async (url, options) => {
    const answer = await fetch(url, options);
    if (!String(url).endsWith(tamperedWith)) return answer;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    assert.ok(place < bytes.length);
    bytes[place] ^= 4;
    return new Response(bytes, { status: answer.status, headers: { 'content-type': 'application/cbor' } });
  };
  for (const [route, operation, places] of [
    ['/call', actor => actor.count(), 1_000],
    ['/query', actor => actor.read(), 100],
  ]) {
    for (place = 20; place < places; place += Math.floor(places / 12)) {
      tamperedWith = route;
      const agent = await agentOf(new AnonymousIdentity(), { fetch: flipping });
      await assert.rejects(operation(counter(agent, counters[1])), `byte ${place} of the answer does not matter`);
      passed += 1;
    }
  }
}

/** An agent on a machine whose clock is wrong corrects the expiry of its requests once the network refuses them. */
async function clocks() {
  const RealDate = Date;
  for (const seconds of [90, 600, -600]) {
    const now = () => RealDate.now() + seconds * 1_000;
    globalThis.Date = class extends RealDate {
      constructor(...parts) {
        super(...(parts.length ? parts : [now()]));
      }

      static now() {
        return now();
      }
    };
    const { ed25519 } = await identities();
    const actor = counter(await agentOf(ed25519), counters[1]);
    const count = await actor.count();
    assert.equal(await actor.read(), count, `a clock that is ${seconds} s fast`);
    passed += 1;
  }
  globalThis.Date = RealDate;
}

for (const [name, identity] of Object.entries(await identities())) {
  await calls(name, await agentOf(identity));
  passed += 1;
}
await reads(await agentOf(new AnonymousIdentity()));
await tampering();
await clocks();
console.log(`passed: ${passed}`);
