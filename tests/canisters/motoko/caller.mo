// The caller of the Motoko sample. It makes unbounded-wait calls: one after the other, or all before the first `await`.
import Prim "mo:⛔";

persistent actor {
  type Callee = actor { ping : () -> async () };

  var callee : ?Callee = null;

  public func setup_callee(id : Principal) : async () {
    callee := ?(actor (debug_show id) : Callee);
  };

  public func sequential_calls(n : Nat64) : async Nat64 {
    let target = configured();
    var succeeded : Nat64 = 0;
    var made : Nat64 = 0;
    while (made < n) {
      try {
        await target.ping();
        succeeded += 1;
      } catch _ {};
      made += 1;
    };
    succeeded;
  };

  public func parallel_calls(n : Nat64) : async Nat64 {
    let target = configured();
    let answers = Prim.Array_init<?(async ())>(Prim.nat64ToNat(n), null);
    for (i in answers.keys()) {
      // A call that cannot be sent throws here. A rejected call throws where it is awaited.
      try { answers[i] := ?target.ping() } catch _ {};
    };
    var succeeded : Nat64 = 0;
    label each for (sent in answers.vals()) {
      let ?answer = sent else continue each;
      try {
        await answer;
        succeeded += 1;
      } catch _ {};
    };
    succeeded;
  };

  func configured() : Callee {
    let ?id = callee else Prim.trap("setup_callee was not called");
    id;
  };
};
