// Calls other canisters with the same code. It catches errors and attaches cycles.
import Prim "mo:⛔";

persistent actor {
  type Peer = actor {
    greet : Text -> async Text;
    refuse : Text -> async ();
    fall : () -> async ();
    unknown : () -> async ();
    take : Nat -> async Nat;
  };

  stable var steps : Nat = 0;

  public func greet(name : Text) : async Text {
    "Hello " # name;
  };

  public func refuse(reason : Text) : async () {
    throw Prim.error(reason);
  };

  public func fall() : async () {
    Prim.trap("fallen");
  };

  public func take(most : Nat) : async Nat {
    Prim.cyclesAccept<system>(most);
  };

  // Calls a method of the peer. Returns the greeting, or the kind and the text of the error.
  public func attempt(peer : Peer, method : { #greet; #refuse; #fall; #unknown }) : async Text {
    try {
      switch method {
        case (#greet) return await peer.greet("you");
        case (#refuse) await peer.refuse("not today");
        case (#fall) await peer.fall();
        case (#unknown) await peer.unknown();
      };
      "nothing";
    } catch error {
      let kind = switch (Prim.errorCode error) {
        case (#canister_reject) "reject";
        case (#canister_error) "error";
        case (#destination_invalid) "no destination";
        case _ "something else";
      };
      kind # ": " # Prim.errorMessage error;
    };
  };

  // Offers cycles to the peer. Returns how many the peer accepted, and how many were refunded.
  public func pay(peer : Peer, offered : Nat, most : Nat) : async (Nat, Nat) {
    Prim.cyclesAdd<system>(offered);
    let accepted = await peer.take(most);
    (accepted, Prim.cyclesRefunded());
  };

  // A trap after `await` rolls back only the changes after `await`.
  public func trap_after_answer(peer : Peer) : async () {
    steps += 1;
    ignore await peer.greet("you");
    steps += 10;
    Prim.trap("too late");
  };

  public query func steps_taken() : async Nat {
    steps;
  };
};
