// What `parent.mo` makes.
import Prim "mo:⛔";

persistent actor class Child(name : Text) {
  public query func greeting() : async Text {
    "I am " # name;
  };

  public query func balance() : async Nat {
    Prim.cyclesBalance();
  };
};
