;; A canister that makes the calls it is told to make, and answers with what comes back.
;;
;; The argument of `forward`: the length of the callee's id (a byte), the id, the length of the method's name (a byte),
;; the name; the rest is the call's argument.
(module
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reject" (func $reject (param i32 i32)))
  (import "ic0" "msg_reject_msg_size" (func $reason_size (result i32)))
  (import "ic0" "msg_reject_msg_copy" (func $reason_copy (param i32 i32 i32)))
  (import "ic0" "call_new" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_data_append" (func $data (param i32 i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (memory (export "memory") 32)
  (table funcref (elem $on_reply $on_reject))

  (func (export "canister_update forward") (local $method i32) (local $argument i32)
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (local.set $method (i32.add (i32.const 1) (i32.load8_u (i32.const 0))))
    (local.set $argument
      (i32.add (i32.add (local.get $method) (i32.const 1)) (i32.load8_u (local.get $method))))
    (call $call
      (i32.const 1) (i32.load8_u (i32.const 0))
      (i32.add (local.get $method) (i32.const 1)) (i32.load8_u (local.get $method))
      (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))
    (call $data (local.get $argument) (i32.sub (call $size) (local.get $argument)))
    (if (call $perform) (then (unreachable))))

  (func $on_reply (param i32)
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (call $append (i32.const 0) (call $size))
    (call $reply))

  (func $on_reject (param i32)
    (call $reason_copy (i32.const 0) (i32.const 0) (call $reason_size))
    (call $reject (i32.const 0) (call $reason_size))))
