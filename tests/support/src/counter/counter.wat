;; The canister of the clients' tests: a counter that is kept across upgrades, and speaks Candid.
(module
  (import "ic0" "msg_arg_data_copy" (func $argument_copy (param i32 i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reject" (func $reject (param i32 i32)))
  (import "ic0" "msg_reject_msg_size" (func $message_size (result i32)))
  (import "ic0" "msg_reject_msg_copy" (func $message_copy (param i32 i32 i32)))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (import "ic0" "time" (func $time (result i64)))
  (import "ic0" "call_new" (func $call_new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_data_append" (func $call_append (param i32 i32)))
  (import "ic0" "call_perform" (func $call_perform (result i32)))
  (import "ic0" "stable64_size" (func $stable_size (result i64)))
  (import "ic0" "stable64_grow" (func $stable_grow (param i64) (result i64)))
  (import "ic0" "stable64_read" (func $stable_read (param i64 i64 i64)))
  (import "ic0" "stable64_write" (func $stable_write (param i64 i64 i64)))

  (memory 1)
  ;; the count
  (data (i32.const 0) "\00\00\00\00\00\00\00\00")
  ;; a reply: one number of 64 bits, which begins at 23
  (data (i32.const 16) "DIDL\00\01\78")
  ;; an argument: nothing
  (data (i32.const 32) "DIDL\00\00")
  (data (i32.const 48) "count")
  (data (i32.const 64) "told to fail")
  (data (i32.const 80) "told to refuse")
  ;; 128: a canister's id; 256: what came back from it

  (table funcref (elem $counted $not_counted))

  (func $reply_number (param $number i64)
    (i64.store (i32.const 23) (local.get $number))
    (call $append (i32.const 16) (i32.const 15))
    (call $reply))

  (func (export "canister_update count")
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (call $reply_number (i64.load (i32.const 0))))

  (func (export "canister_query read")
    (call $reply_number (i64.load (i32.const 0))))

  (func (export "canister_query now")
    (call $reply_number (call $time)))

  ;; Candid's header and two bytes stand before the ten of the principal.
  (func (export "canister_update count_on")
    (call $argument_copy (i32.const 128) (i32.const 9) (i32.const 10))
    (call $call_new
      (i32.const 128) (i32.const 10) (i32.const 48) (i32.const 5)
      (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))
    (call $call_append (i32.const 32) (i32.const 6))
    (if (call $call_perform) (then unreachable)))

  (func $counted (param i32)
    (call $argument_copy (i32.const 256) (i32.const 0) (i32.const 15))
    (call $append (i32.const 256) (i32.const 15))
    (call $reply))

  (func $not_counted (param i32)
    (call $message_copy (i32.const 256) (i32.const 0) (call $message_size))
    (call $reject (i32.const 256) (call $message_size)))

  (func (export "canister_update fail")
    (i64.store (i32.const 0) (i64.const 99))
    (call $trap (i32.const 64) (i32.const 12)))

  (func (export "canister_update refuse")
    (call $reject (i32.const 80) (i32.const 14)))

  (func (export "canister_pre_upgrade")
    (if (i64.eqz (call $stable_size)) (then (drop (call $stable_grow (i64.const 1)))))
    (call $stable_write (i64.const 0) (i64.const 0) (i64.const 8)))

  (func (export "canister_post_upgrade")
    (call $stable_read (i64.const 0) (i64.const 0) (i64.const 8))))
