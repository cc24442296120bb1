;; Certifies what it is told to, and shows the certificate for it.
(module
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "data_certificate_present" (func $present (result i32)))
  (import "ic0" "data_certificate_size" (func $certificate_size (result i32)))
  (import "ic0" "data_certificate_copy" (func $certificate_copy (param i32 i32 i32)))

  (memory 1)

  ;; The argument is certified as it comes.
  (func (export "canister_update certify")
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (call $certify (i32.const 0) (call $size))
    (call $reply))

  (func (export "canister_query certificate")
    (call $certificate_copy (i32.const 0) (i32.const 0) (call $certificate_size))
    (call $append (i32.const 0) (call $certificate_size))
    (call $reply))

  ;; Whether there is a certificate, as one byte; as an update, too.
  (func $say_whether_present
    (i32.store (i32.const 0) (call $present))
    (call $append (i32.const 0) (i32.const 1))
    (call $reply))
  (export "canister_query is_present" (func $say_whether_present))
  (export "canister_update was_present" (func $say_whether_present))

  (@custom "icp:public greeting" "hello")
  (@custom "icp:private secret" "nobody knows"))
