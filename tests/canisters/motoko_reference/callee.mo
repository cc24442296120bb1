// The callee of the pair that was measured on a PocketIC server.
actor {
  public func ping() : async () {};
}
