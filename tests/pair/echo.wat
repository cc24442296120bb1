;; A canister whose answers are in the caller's hands.
(module
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reject" (func $reject (param i32 i32)))
  (memory (export "memory") 32)
  ;; The character with the scalar value 0x10FFFF, as UTF-8.
  (data $wide "\f4\8f\bf\bf")

  ;; Replies with the argument.
  (func (export "canister_update echo")
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (call $append (i32.const 0) (call $size))
    (call $reply))

  ;; Rejects with a thousand characters of four bytes.
  (func (export "canister_update shout") (local $end i32)
    (loop $again
      (memory.init $wide (local.get $end) (i32.const 0) (i32.const 4))
      (local.set $end (i32.add (local.get $end) (i32.const 4)))
      (br_if $again (i32.lt_u (local.get $end) (i32.const 4000))))
    (call $reject (i32.const 0) (local.get $end))))
