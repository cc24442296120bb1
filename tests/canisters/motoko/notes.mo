// Keeps notes across upgrades. Upgrades reset the drafts.
persistent actor {
  type Note = { title : Text; mark : { #none; #stars : Nat8 } };
  type List = ?(Note, List);

  stable var notes : List = null;
  // Grows beyond every number type of fixed size.
  stable var product : Nat = 1;
  stable var upgrades : Nat = 0;
  transient var drafts : Nat = 0;

  public func draft() : async () {
    drafts += 1;
  };

  public func add(title : Text, stars : ?Nat8) : async () {
    let mark = switch stars {
      case null #none;
      case (?stars) #stars stars;
    };
    notes := ?({ title; mark }, notes);
    product *= 1_000_000_007;
  };

  public query func latest() : async ?Note {
    switch notes {
      case null null;
      case (?(note, _)) ?note;
    };
  };

  public query func numbers() : async { notes : Nat; product : Nat; upgrades : Nat; drafts : Nat } {
    var count = 0;
    var rest = notes;
    label each loop {
      let ?(_, next) = rest else break each;
      rest := next;
      count += 1;
    };
    { notes = count; product; upgrades; drafts };
  };

  system func postupgrade() {
    upgrades += 1;
  };
};
