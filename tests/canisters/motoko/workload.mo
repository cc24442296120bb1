// Allocates much more than it keeps, for the benchmark `execution`.
persistent actor {
  type List = ?(Nat, List);

  transient var kept : List = null;

  // Makes `rounds` lists of 1,000 big numbers, and keeps the last one.
  public func allocate(rounds : Nat64) : async Nat64 {
    var round : Nat64 = 0;
    var sum : Nat = 0;
    while (round < rounds) {
      var list : List = null;
      var number : Nat = 4_611_686_018_427_387_904;
      var count = 0;
      while (count < 1_000) {
        list := ?(number, list);
        number += 3;
        count += 1;
      };
      switch list { case (?(last, _)) sum += last; case null {} };
      kept := list;
      round += 1;
    };
    if (sum == 0) 0 else 1;
  };
};
