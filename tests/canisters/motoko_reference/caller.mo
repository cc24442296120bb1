// The caller of the pair that was measured on a PocketIC server. It makes unbounded-wait calls: one after the other,
// or all before the first `await`.
import Prim "mo:⛔";
actor {
  type Callee = actor { ping : () -> async () };
  stable var callee : ?Callee = null;
  public func setup_callee(c : Principal) : async () {
    callee := ?(actor (debug_show c) : Callee);
  };
  public func sequential_calls(n : Nat) : async Nat {
    let ?c = callee else Prim.trap("callee not set up");
    var ok = 0;
    var i = 0;
    while (i < n) { try { await c.ping(); ok += 1 } catch _ {}; i += 1 };
    ok
  };
  public func parallel_calls(n : Nat) : async Nat {
    let ?c = callee else Prim.trap("callee not set up");
    let futures = Prim.Array_init<?(async ())>(n, null);
    var i = 0;
    while (i < n) { try { futures[i] := ?c.ping() } catch _ {}; i += 1 };
    var ok = 0;
    i := 0;
    while (i < n) {
      switch (futures[i]) { case (?f) { try { await f; ok += 1 } catch _ {} }; case null {} };
      i += 1
    };
    ok
  };
}
