// Uses a heartbeat, one-time timers, and recurring timers.
import Prim "mo:⛔";

persistent actor {
  stable var beats : Nat = 0;
  stable var rings : Nat = 0;

  public func set_timer(seconds : Nat64, recurring : Bool) : async Nat {
    Prim.setTimer<system>(seconds * 1_000_000_000, recurring, func() : async () { rings += 1 });
  };

  // A timer that calls another canister and traps after the response.
  public func set_trap(seconds : Nat64, other : actor { beats_and_rings : () -> async (Nat, Nat) }) : async Nat {
    Prim.setTimer<system>(
      seconds * 1_000_000_000,
      false,
      func() : async () {
        rings += 100;
        ignore await other.beats_and_rings();
        rings += 1_000;
        Prim.trap("the alarm is broken");
      },
    );
  };

  public func cancel(timer : Nat) : async () {
    Prim.cancelTimer(timer);
  };

  public query func beats_and_rings() : async (Nat, Nat) {
    (beats, rings);
  };

  system func heartbeat() : async () {
    beats += 1;
  };
};
