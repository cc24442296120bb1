// The callee of the Motoko sample.
persistent actor {
  public func ping() : async () {};
};
