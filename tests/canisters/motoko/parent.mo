// Creates canisters, deposits cycles, and manages the canisters through the management canister.
import Prim "mo:⛔";
import { Child } "child";

persistent actor {
  type Status = { status : { #running; #stopping; #stopped }; cycles : Nat };
  type Named = { canister_id : Principal };
  transient let management = actor "aaaaa-aa" : actor {
    canister_status : Named -> async Status;
    deposit_cycles : Named -> async ();
    stop_canister : Named -> async ();
    delete_canister : Named -> async ();
  };

  public func create(name : Text, cycles : Nat) : async (Principal, Text) {
    Prim.cyclesAdd<system>(cycles);
    let child = await Child(name);
    (Prim.principalOfActor(child), await child.greeting());
  };

  public func status(child : Principal) : async Status {
    await management.canister_status({ canister_id = child });
  };

  public func deposit(child : Principal, cycles : Nat) : async () {
    Prim.cyclesAdd<system>(cycles);
    await management.deposit_cycles({ canister_id = child });
  };

  public func dispose(child : Principal) : async () {
    await management.stop_canister({ canister_id = child });
    await management.delete_canister({ canister_id = child });
  };
};
