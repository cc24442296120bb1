"""The ordinary flow of the Python client: `client.py COUNTER.wasm COUNTER.did`.

The last line that it prints is the number of steps that passed.
"""

import base64
import gzip
import sys

import ic
from ic.candid import Types
from pocket_ic import PocketIC, SubnetConfig

WASM = open(sys.argv[1], "rb").read()
DID = open(sys.argv[2], encoding="utf-8").read()
NOBODY = "rrkah-fqaaa-aaaaa-aaaaq-cai"
DAY = 24 * 60 * 60 * 10**9


def value(reply):
    """The one value of a reply."""
    return reply[0]


def error_of(operation):
    """The text of the error an operation ends with."""
    try:
        result = operation()
    except (ValueError, ConnectionError) as error:
        return str(error)
    raise AssertionError(f"there is no error, but {result}")


def upgrade(pic, canister_id):
    """Upgrades a canister, for which the client has no method of its own."""
    modes = {"install": Types.Null, "reinstall": Types.Null, "upgrade": Types.Null}
    record = Types.Record(
        {
            "wasm_module": Types.Vec(Types.Nat8),
            "canister_id": Types.Principal,
            "arg": Types.Vec(Types.Nat8),
            "mode": Types.Variant(modes),
        }
    )
    argument = {
        "wasm_module": WASM,
        "canister_id": canister_id.bytes,
        "arg": ic.encode([]),
        "mode": {"upgrade": None},
    }
    pic.update_call_with_effective_principal(
        None,
        {"CanisterId": base64.b64encode(canister_id.bytes).decode()},
        "install_code",
        ic.encode([{"type": record, "value": argument}]),
    )


def two_subnets(pic):
    """A counter on each of the two subnets."""
    subnets = list(pic.topology())
    assert len(subnets) == 2, subnets
    counters = [
        pic.create_and_install_canister_with_candid(DID, WASM, subnet=subnet)
        for subnet in subnets
    ]
    for counter, subnet in zip(counters, subnets):
        found = pic.get_subnet(counter.canister_id)
        assert found.bytes == subnet.bytes, f"{found} is not {subnet}"
    return counters


def calls(pic, one, other):
    """Updates, queries, and a call from one subnet to the other."""
    assert value(one.count()) == 1
    assert value(one.count()) == 2
    assert value(one.read()) == 2
    other_id = other.canister_id.to_str()
    assert value(one.count_on(other_id)) == 1
    assert value(other.read()) == 1
    assert value(one.read()) == 2
    balance = pic.get_cycles_balance(one.canister_id)
    assert pic.add_cycles(one.canister_id, 5) == balance + 5


def upgrades(pic, one):
    """The count is kept."""
    upgrade(pic, one.canister_id)
    assert value(one.read()) == 2
    assert value(one.count()) == 3


def time_travel(pic, one):
    """Time is what it was set to, for canisters, too."""
    before = pic.get_time()["nanos_since_epoch"]
    pic.advance_time(DAY)
    pic.tick()
    assert pic.get_time()["nanos_since_epoch"] == before + DAY
    assert value(one.now()) == before + DAY
    assert "400" in error_of(lambda: pic.set_time(before))


def stable_memory(pic, one):
    """Stable memory is what it was set to, plain and packed."""
    for data, compression in [(b"plain", None), (b"packed", "gzip")]:
        blob = gzip.compress(data) if compression else data
        pic.set_stable_memory(one.canister_id, blob, compression)
        assert pic.get_stable_memory(one.canister_id)[: len(data)] == data


def errors(pic, one):
    """Each failure is told with its codes."""
    for operation, code, fragment in [
        (one.fail, "CanisterCalledTrap", "told to fail"),
        (one.refuse, "CanisterRejectedMessage", "told to refuse"),
        (lambda: pic.update_call(one.canister_id, "no", b"DIDL\0\0"), "CanisterMethodNotFound", "no"),
        (lambda: one.count_on(NOBODY), "CanisterRejectedMessage", NOBODY),
        (lambda: pic.install_code(pic.create_canister(), b"no module", []), "CanisterInvalidWasm", ""),
        (lambda: pic.install_code(one.canister_id, WASM, []), "CanisterNonEmpty", ""),
    ]:
        text = error_of(operation)
        assert code in text and fragment in text, text
    assert value(one.read()) == 3, "the trap undid what it had done"


def main():
    """Everything, on one instance; and a second one beside it."""
    pic = PocketIC(SubnetConfig(application=2))
    one, other = two_subnets(pic)
    calls(pic, one, other)
    steps = [upgrades, time_travel, stable_memory, errors]
    for step in steps:
        step(pic, one)
    with_nns = PocketIC(SubnetConfig(nns=True))
    assert len(with_nns.get_root_key()) == 133
    assert pic.get_root_key() is None
    assert pic.server.list_instances() == ["Available", "Available"]
    # The calls, the steps, and the second instance.
    print(f"passed: {1 + len(steps) + 1}")


main()
