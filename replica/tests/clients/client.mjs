// The ordinary flow of the JavaScript client: `client.mjs PACKAGES COUNTER.wasm`, where PACKAGES is the folder that
// `npm install` was run in. The last line that it prints is the number of steps that passed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, wasmPath] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const { PocketIc, PocketIcServer, SubnetStateType } = require('@dfinity/pic');
const { Actor, HttpAgent } = require('@icp-sdk/core/agent');
const { Principal } = require('@icp-sdk/core/principal');

const wasm = readFileSync(wasmPath);
const DAY_MS = 24 * 60 * 60 * 1000;
const NOBODY = Principal.fromText('rrkah-fqaaa-aaaaa-aaaaq-cai');

const idlFactory = ({ IDL }) =>
  IDL.Service({
    count: IDL.Func([], [IDL.Nat64], []),
    count_on: IDL.Func([IDL.Principal], [IDL.Nat64], []),
    read: IDL.Func([], [IDL.Nat64], ['query']),
    now: IDL.Func([], [IDL.Nat64], ['query']),
    fail: IDL.Func([], [], []),
    refuse: IDL.Func([], [], []),
  });

/** A counter on each of the two subnets. */
async function twoSubnets(pic) {
  const subnets = await pic.getApplicationSubnets();
  assert.equal(subnets.length, 2);
  const counters = [];
  for (const { id } of subnets) {
    const counter = await pic.setupCanister({ idlFactory, wasm, targetSubnetId: id });
    assert.equal((await pic.getCanisterSubnetId(counter.canisterId)).toText(), id.toText());
    counters.push(counter);
  }
  const anywhere = await pic.createCanister();
  assert.ok(await pic.getCanisterSubnetId(anywhere));
  assert.ok(await pic.getDefaultEffectiveCanisterId());
  return counters;
}

/** Updates, queries, and a call from one subnet to the other. */
async function calls(pic, one, other) {
  assert.equal(await one.actor.count(), 1n);
  assert.equal(await one.actor.count(), 2n);
  assert.equal(await one.actor.read(), 2n);
  assert.equal(await one.actor.count_on(other.canisterId), 1n);
  assert.equal(await other.actor.read(), 1n);
  assert.equal(await one.actor.read(), 2n);
  const balance = await pic.getCyclesBalance(one.canisterId);
  assert.equal(await pic.addCycles(one.canisterId, 5n), balance + 5n);
}

/** A call that is awaited while others are made. */
async function deferred(pic, one, other) {
  const actor = pic.createDeferredActor(idlFactory, one.canisterId);
  const result = await actor.count_on(other.canisterId);
  await pic.tick(3);
  assert.equal(await result(), 2n);
}

/** An upgrade keeps the count, a new installation does not. */
async function upgrades(pic, { actor, canisterId }) {
  await pic.upgradeCanister({ canisterId, wasm });
  assert.equal(await actor.read(), 2n);
  await pic.stopCanister({ canisterId });
  await assert.rejects(actor.count());
  await pic.startCanister({ canisterId });
  await pic.reinstallCode({ canisterId, wasm });
  assert.equal(await actor.read(), 0n);
  assert.equal(await actor.count(), 1n);
  const controller = Principal.anonymous();
  await pic.updateCanisterSettings({ canisterId, controllers: [controller, canisterId] });
  assert.equal((await pic.getControllers(canisterId)).length, 2);
}

/** Time is what it was set to, for canisters, too. */
async function timeTravel(pic, { actor }) {
  const before = await pic.getTime();
  await pic.advanceTime(DAY_MS);
  await pic.tick();
  assert.equal(await pic.getTime(), before + DAY_MS);
  assert.equal(await actor.now() / 1_000_000n, BigInt(before + DAY_MS));
  await pic.setCertifiedTime(before + 2 * DAY_MS);
  assert.equal(await actor.now() / 1_000_000n, BigInt(before + 2 * DAY_MS));
  await assert.rejects(pic.setTime(before));
}

/** Stable memory is what it was set to. */
async function stableMemory(pic, { canisterId }) {
  await pic.setStableMemory(canisterId, Uint8Array.of(1, 2, 3));
  const found = new Uint8Array(await pic.getStableMemory(canisterId));
  assert.deepEqual([...found.slice(0, 4)], [1, 2, 3, 0]);
}

/** Each failure is told with its codes. */
async function errors(pic, { actor, canisterId }) {
  const arg = new Uint8Array();
  const installGarbage = canisterId => pic.installCode({ canisterId, wasm: Buffer.from('no module') });
  for (const [operation, ...fragments] of [
    [() => actor.fail(), 'CanisterCalledTrap', 'told to fail'],
    [() => actor.refuse(), 'told to refuse'],
    [() => pic.updateCall({ canisterId, method: 'no', arg }), 'CanisterMethodNotFound'],
    [() => pic.queryCall({ canisterId, method: 'no', arg }), 'CanisterMethodNotFound'],
    [() => actor.count_on(NOBODY), NOBODY.toText()],
    [async () => installGarbage(await pic.createCanister()), 'CanisterInvalidWasm'],
    [() => pic.installCode({ canisterId, wasm }), 'CanisterNonEmpty'],
  ]) {
    await assert.rejects(operation, error => {
      for (const fragment of fragments) assert.ok(String(error).includes(fragment), String(error));
      return true;
    });
  }
  assert.equal(await actor.read(), 1n, 'the trap undid what it had done');
}

/** Rounds happen by themselves, and agents are served, until that is over. */
async function live(pic, { canisterId }) {
  const port = await pic.makeLive();
  const agent = await HttpAgent.create({ host: `http://127.0.0.1:${port}`, shouldFetchRootKey: true });
  const counter = Actor.createActor(idlFactory, { agent, canisterId });
  const count = await counter.read();
  assert.equal(await counter.count(), count + 1n);
  await pic.stopLive();
  await assert.rejects(fetch(`http://127.0.0.1:${port}/api/v2/status`));
}

let passed = 0;
const server = await PocketIcServer.start();
try {
  const subnet = { state: { type: SubnetStateType.New } };
  const pic = await PocketIc.create(server.getUrl(), { application: [subnet, subnet] });
  const [one, other] = await twoSubnets(pic);
  for (const step of [calls, deferred, upgrades, timeTravel, stableMemory, errors, live]) {
    await step(pic, one, other);
    passed += 1;
  }
  await pic.tearDown();

  const withNns = await PocketIc.create(server.getUrl(), { nns: subnet });
  const nns = await withNns.getNnsSubnet();
  assert.equal((await withNns.getPubKey(nns.id)).length, 133);
  await withNns.tearDown();
  passed += 1;
} finally {
  await server.stop();
}
console.log(`passed: ${passed}`);
