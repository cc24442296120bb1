// The canister that `parent.mo` creates.
import Prim "mo:⛔";

persistent actor class Child(name : Text) {
  public query func greeting() : async Text {
    "I am " # name;
  };

  public query func balance() : async Nat {
    Prim.cyclesBalance();
  };
};
