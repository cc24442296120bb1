;; The canister of the tests: it does what its argument says, step by step.
;;
;; A script is a list of steps. A step is the index of its function in the table, one byte, and what
;; the function reads of the script: numbers of 8 bytes, little endian, and texts that begin with
;; their length in 4. Steps work on one number, `acc`, and on 512 cells of 8 bytes at the beginning
;; of the heap. The environment of a callback is the address of the script that it runs.
;;
;; The line `;; STEPS` is replaced by the names of all steps (`script.rs`).
(module
  (import "ic0" "msg_arg_data_size" (func $msg_arg_data_size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $msg_arg_data_copy (param i32 i32 i32)))
  (import "ic0" "msg_caller_size" (func $msg_caller_size (result i32)))
  (import "ic0" "msg_caller_copy" (func $msg_caller_copy (param i32 i32 i32)))
  (import "ic0" "msg_caller_info_data_size" (func $msg_caller_info_data_size (result i32)))
  (import "ic0" "msg_caller_info_data_copy" (func $msg_caller_info_data_copy (param i32 i32 i32)))
  (import "ic0" "msg_caller_info_signer_size" (func $msg_caller_info_signer_size (result i32)))
  (import "ic0" "msg_caller_info_signer_copy"
    (func $msg_caller_info_signer_copy (param i32 i32 i32)))
  (import "ic0" "msg_reject_code" (func $msg_reject_code (result i32)))
  (import "ic0" "msg_reject_msg_size" (func $msg_reject_msg_size (result i32)))
  (import "ic0" "msg_reject_msg_copy" (func $msg_reject_msg_copy (param i32 i32 i32)))
  (import "ic0" "msg_deadline" (func $msg_deadline (result i64)))
  (import "ic0" "msg_reply_data_append" (func $msg_reply_data_append (param i32 i32)))
  (import "ic0" "msg_reply" (func $msg_reply))
  (import "ic0" "msg_reject" (func $msg_reject (param i32 i32)))
  (import "ic0" "msg_cycles_available128" (func $msg_cycles_available128 (param i32)))
  (import "ic0" "msg_cycles_refunded128" (func $msg_cycles_refunded128 (param i32)))
  (import "ic0" "msg_cycles_accept128" (func $msg_cycles_accept128 (param i64 i64 i32)))
  (import "ic0" "msg_method_name_size" (func $msg_method_name_size (result i32)))
  (import "ic0" "accept_message" (func $accept_message))
  (import "ic0" "cycles_burn128" (func $cycles_burn128 (param i64 i64 i32)))
  (import "ic0" "canister_cycle_balance128" (func $canister_cycle_balance128 (param i32)))
  (import "ic0" "canister_liquid_cycle_balance128" (func $canister_liquid_balance (param i32)))
  (import "ic0" "canister_version" (func $canister_version (result i64)))
  (import "ic0" "canister_status" (func $canister_status (result i32)))
  (import "ic0" "call_new"
    (func $ic0_call_new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_on_cleanup" (func $ic0_call_on_cleanup (param i32 i32)))
  (import "ic0" "call_data_append" (func $call_data_append (param i32 i32)))
  (import "ic0" "call_cycles_add128" (func $call_cycles_add128 (param i64 i64)))
  (import "ic0" "call_with_best_effort_response" (func $best_effort (param i32)))
  (import "ic0" "call_perform" (func $call_perform (result i32)))
  (import "ic0" "cost_call" (func $ic0_cost_call (param i64 i64 i32)))
  (import "ic0" "stable64_size" (func $ic0_stable64_size (result i64)))
  (import "ic0" "stable64_grow" (func $ic0_stable64_grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $stable64_write (param i64 i64 i64)))
  (import "ic0" "stable64_read" (func $stable64_read (param i64 i64 i64)))
  (import "ic0" "time" (func $ic0_time (result i64)))
  (import "ic0" "global_timer_set" (func $ic0_global_timer_set (param i64) (result i64)))
  (import "ic0" "performance_counter" (func $ic0_performance_counter (param i32) (result i64)))
  (import "ic0" "env_var_value_size" (func $env_var_value_size (param i32 i32) (result i32)))
  (import "ic0" "env_var_value_copy" (func $env_var_value_copy (param i32 i32 i32 i32 i32)))
  (import "ic0" "certified_data_set" (func $certified_data_set (param i32 i32)))
  (import "ic0" "debug_print" (func $debug_print (param i32 i32)))
  (import "ic0" "trap" (func $ic0_trap (param i32 i32)))

  ;; Cells, 4 KiB for what system calls write, zeros to send, and arguments from then on.
  (memory 1)
  (global $scratch i32 (i32.const 4096))
  (global $zeros i32 (i32.const 8192))
  (global $zeros_size i64 (i64.const 32768))
  (global $top (mut i32) (i32.const 40960))

  (global $pc (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))
  (global $acc (mut i64) (i64.const 0))
  (global $global (mut i64) (i64.const 0))

  (type $step (func))
  (table 128 funcref)
  (elem (i32.const 1) func $callback
    ;; STEPS
  )

  ;; ---- entry points ----

  (func (export "canister_init") (call $argument))
  (func (export "canister_post_upgrade") (call $argument))
  (func (export "canister_update run") (call $argument))
  (func (export "canister_query ask") (call $argument))
  (func (export "canister_composite_query compose") (call $argument))

  ;; Replies with the size of the argument, without looking at it.
  (func (export "canister_update size")
    (global.set $acc (i64.extend_i32_u (call $msg_arg_data_size)))
    (call $append_acc)
    (call $msg_reply))

  ;; These run the scripts whose addresses are in the last cells.
  (func (export "canister_pre_upgrade") (call $hook (i32.const 511)))
  (func (export "canister_global_timer") (call $hook (i32.const 510)))
  (func (export "canister_inspect_message")
    (if (i64.eqz (i64.load (i32.const 4072))) ;; cell 509
      (then (call $accept_message))
      (else (call $hook (i32.const 509)))))

  (func $hook (param $cell i32)
    (local $script i32)
    (local.set $script (i32.load (i32.mul (local.get $cell) (i32.const 8))))
    (if (local.get $script) (then (call $interpret (local.get $script)))))

  (func $callback (param $script i32) (call $interpret (local.get $script)))

  ;; Keeps the argument, since callbacks run parts of it, and runs it.
  (func $argument
    (local $at i32) (local $size i32) (local $missing i32)
    (local.set $size (call $msg_arg_data_size))
    (local.set $at (global.get $top))
    (global.set $top
      (i32.add (global.get $top) (i32.add (local.get $size) (i32.const 4))))
    (local.set $missing
      (i32.sub
        (i32.add (i32.shr_u (global.get $top) (i32.const 16)) (i32.const 1))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then (drop (memory.grow (local.get $missing)))))
    (i32.store (local.get $at) (local.get $size))
    (call $msg_arg_data_copy
      (i32.add (local.get $at) (i32.const 4)) (i32.const 0) (local.get $size))
    (call $interpret (local.get $at)))

  (func $interpret (param $script i32)
    (local $end i32) (local $caller i32)
    (local.set $caller (global.get $pc))
    (global.set $pc (i32.add (local.get $script) (i32.const 4)))
    (local.set $end (i32.add (global.get $pc) (i32.load (local.get $script))))
    (loop $next
      (if (i32.lt_u (global.get $pc) (local.get $end))
        (then
          (global.set $pc (i32.add (global.get $pc) (i32.const 1)))
          (call_indirect (type $step)
            (i32.load8_u (i32.sub (global.get $pc) (i32.const 1))))
          (br $next))))
    (global.set $pc (local.get $caller)))

  ;; ---- reading the script ----

  (func $number (result i64)
    (global.set $pc (i32.add (global.get $pc) (i32.const 8)))
    (i64.load (i32.sub (global.get $pc) (i32.const 8))))
  (func $small (result i32) (i32.wrap_i64 (call $number)))
  (func $cell (result i32) (i32.mul (call $small) (i32.const 8)))

  ;; The address of a text, whose length is then in $length.
  (func $text (result i32)
    (local $at i32)
    (local.set $at (global.get $pc))
    (global.set $length (i32.load (local.get $at)))
    (global.set $pc
      (i32.add (local.get $at) (i32.add (global.get $length) (i32.const 4))))
    (i32.add (local.get $at) (i32.const 4)))

  ;; The address of a part of the script that can be run.
  (func $part (result i32)
    (i32.sub (call $text) (i32.const 4)))

  ;; The number in the argument or the reply.
  (func $take
    (call $msg_arg_data_copy (global.get $scratch) (i32.const 0) (i32.const 8))
    (call $scratch_to_acc))
  (func $scratch_to_acc
    (global.set $acc (i64.load (global.get $scratch))))

  ;; ---- steps: numbers ----

  (func $set (global.set $acc (call $number)))
  (func $add (global.set $acc (i64.add (global.get $acc) (call $number))))
  ;; Adds what is in a cell.
  (func $plus (global.set $acc (i64.add (global.get $acc) (i64.load (call $cell)))))
  (func $load (global.set $acc (i64.load (call $cell))))
  (func $store (i64.store (call $cell) (global.get $acc)))
  (func $load_global (global.set $acc (global.get $global)))
  (func $store_global (global.set $global (global.get $acc)))
  (func $stable_size (global.set $acc (call $ic0_stable64_size)))
  (func $stable_grow (global.set $acc (call $ic0_stable64_grow (call $number))))
  (func $load_stable
    (call $stable64_read
      (i64.extend_i32_u (global.get $scratch)) (call $number) (i64.const 8))
    (call $scratch_to_acc))
  (func $store_stable
    (i64.store (global.get $scratch) (global.get $acc))
    (call $stable64_write
      (call $number) (i64.extend_i32_u (global.get $scratch)) (i64.const 8)))
  (func $grow
    (global.set $acc (i64.extend_i32_s (memory.grow (call $small)))))
  (func $heap_pages (global.set $acc (i64.extend_i32_u (memory.size))))

  (func $time (global.set $acc (call $ic0_time)))
  (func $deadline (global.set $acc (call $msg_deadline)))
  (func $version (global.set $acc (call $canister_version)))
  (func $status (global.set $acc (i64.extend_i32_u (call $canister_status))))
  (func $counter
    (global.set $acc (call $ic0_performance_counter (call $small))))
  (func $reject_code (global.set $acc (i64.extend_i32_u (call $msg_reject_code))))
  (func $method_name_size
    (global.set $acc (i64.extend_i32_u (call $msg_method_name_size))))
  (func $available (call $msg_cycles_available128 (global.get $scratch)) (call $scratch_to_acc))
  (func $refunded (call $msg_cycles_refunded128 (global.get $scratch)) (call $scratch_to_acc))
  (func $balance (call $canister_cycle_balance128 (global.get $scratch)) (call $scratch_to_acc))
  (func $liquid (call $canister_liquid_balance (global.get $scratch)) (call $scratch_to_acc))
  (func $accept
    (call $msg_cycles_accept128 (i64.const 0) (call $number) (global.get $scratch))
    (call $scratch_to_acc))
  (func $burn_acc
    (call $cycles_burn128 (i64.const 0) (global.get $acc) (global.get $scratch))
    (call $scratch_to_acc))
  (func $cost_call
    (call $ic0_cost_call (call $number) (call $number) (global.get $scratch))
    (call $scratch_to_acc))
  (func $timer (global.set $acc (call $ic0_global_timer_set (call $number))))

  ;; ---- steps: control ----

  (func $if
    (local $part i32)
    (local.set $part (call $part))
    (if (i64.ne (global.get $acc) (i64.const 0))
      (then (call $interpret (local.get $part)))))
  (func $unless
    (local $part i32)
    (local.set $part (call $part))
    (if (i64.eqz (global.get $acc))
      (then (call $interpret (local.get $part)))))
  (func $repeat
    (local $times i64) (local $part i32)
    (local.set $times (call $number))
    (local.set $part (call $part))
    (loop $next
      (if (i64.ne (local.get $times) (i64.const 0))
        (then
          (call $interpret (local.get $part))
          (local.set $times (i64.sub (local.get $times) (i64.const 1)))
          (br $next)))))
  ;; Keeps the address of a part in a cell, from where `run` runs it.
  (func $keep
    (i64.store (call $cell) (i64.extend_i32_u (call $part))))
  (func $run (call $interpret (i32.load (call $cell))))
  ;; Leaves a number of bytes free before the next argument.
  (func $skip (global.set $top (i32.add (global.get $top) (call $small))))
  ;; Does nothing, a number of times.
  (func $spin
    (local $times i64)
    (local.set $times (call $number))
    (loop $next
      (br_if $next
        (i64.ne
          (local.tee $times (i64.sub (local.get $times) (i64.const 1)))
          (i64.const 0)))))

  ;; ---- steps: answers ----

  (func $append_acc
    (i64.store (global.get $scratch) (global.get $acc))
    (call $msg_reply_data_append (global.get $scratch) (i32.const 8)))
  (func $append (call $msg_reply_data_append (call $text) (global.get $length)))
  (func $append_zeros
    (local $left i64) (local $size i64)
    (local.set $left (call $number))
    (loop $next
      (local.set $size (call $at_most_zeros (local.get $left)))
      (call $msg_reply_data_append (global.get $zeros) (i32.wrap_i64 (local.get $size)))
      (local.set $left (i64.sub (local.get $left) (local.get $size)))
      (br_if $next (i64.ne (local.get $left) (i64.const 0)))))
  (func $at_most_zeros (param $size i64) (result i64)
    (select (local.get $size) (global.get $zeros_size)
      (i64.lt_u (local.get $size) (global.get $zeros_size))))
  ;; What came as argument or reply; at most as much as fits at $zeros, which it overwrites.
  (func $append_argument
    (local $size i32)
    (local.set $size (call $msg_arg_data_size))
    (call $msg_arg_data_copy (global.get $scratch) (i32.const 0) (local.get $size))
    (call $msg_reply_data_append (global.get $scratch) (local.get $size)))
  (func $append_argument_size
    (global.set $acc (i64.extend_i32_u (call $msg_arg_data_size)))
    (call $append_acc))
  (func $append_reject_message
    (local $size i32)
    (local.set $size (call $msg_reject_msg_size))
    (call $msg_reject_msg_copy (global.get $scratch) (i32.const 0) (local.get $size))
    (call $msg_reply_data_append (global.get $scratch) (local.get $size)))
  (func $append_caller
    (local $size i32)
    (local.set $size (call $msg_caller_size))
    (call $msg_caller_copy (global.get $scratch) (i32.const 0) (local.get $size))
    (call $msg_reply_data_append (global.get $scratch) (local.get $size)))
  ;; What is said of the caller, and then by whom.
  (func $append_caller_info
    (local $size i32)
    (local.set $size (call $msg_caller_info_data_size))
    (call $msg_caller_info_data_copy (global.get $scratch) (i32.const 0) (local.get $size))
    (call $msg_reply_data_append (global.get $scratch) (local.get $size))
    (local.set $size (call $msg_caller_info_signer_size))
    (call $msg_caller_info_signer_copy (global.get $scratch) (i32.const 0) (local.get $size))
    (call $msg_reply_data_append (global.get $scratch) (local.get $size)))
  (func $caller_info_size
    (global.set $acc (i64.extend_i32_u (call $msg_caller_info_data_size))))
  (func $append_variable
    (local $name i32) (local $size i32)
    (local.set $name (call $text))
    (local.set $size (call $env_var_value_size (local.get $name) (global.get $length)))
    (call $env_var_value_copy
      (local.get $name) (global.get $length)
      (global.get $scratch) (i32.const 0) (local.get $size))
    (call $msg_reply_data_append (global.get $scratch) (local.get $size)))
  (func $reply (call $msg_reply))
  (func $reject (call $msg_reject (call $text) (global.get $length)))
  (func $accept_ingress (call $accept_message))

  (func $certify (call $certified_data_set (call $text) (global.get $length)))
  (func $print (call $debug_print (call $text) (global.get $length)))
  (func $trap (call $ic0_trap (call $text) (global.get $length)))
  (func $unreachable (unreachable))
  (func $divide_by_zero (drop (i64.div_u (i64.const 1) (i64.const 0))))
  (func $load_outside (drop (i64.load (i32.const -16))))
  (func $recurse (call $recurse) (call $recurse))

  ;; ---- steps: calls ----

  ;; Callee, method, and what runs on a reply and on a reject.
  (func $call_new
    (local $callee i32) (local $callee_size i32) (local $method i32) (local $method_size i32)
    (local.set $callee (call $text))
    (local.set $callee_size (global.get $length))
    (local.set $method (call $text))
    (local.set $method_size (global.get $length))
    (call $ic0_call_new
      (local.get $callee) (local.get $callee_size)
      (local.get $method) (local.get $method_size)
      (i32.const 1) (call $part)
      (i32.const 1) (call $part)))
  (func $call_on_cleanup (call $ic0_call_on_cleanup (i32.const 1) (call $part)))
  (func $call_data (call $call_data_append (call $text) (global.get $length)))
  (func $call_zeros
    (local $left i64) (local $size i64)
    (local.set $left (call $number))
    (loop $next
      (local.set $size (call $at_most_zeros (local.get $left)))
      (call $call_data_append (global.get $zeros) (i32.wrap_i64 (local.get $size)))
      (local.set $left (i64.sub (local.get $left) (local.get $size)))
      (br_if $next (i64.ne (local.get $left) (i64.const 0)))))
  (func $call_cycles (call $call_cycles_add128 (i64.const 0) (call $number)))
  ;; Attaches as many cycles as the number says.
  (func $call_cycles_acc (call $call_cycles_add128 (i64.const 0) (global.get $acc)))
  (func $call_timeout (call $best_effort (call $small)))
  (func $call_perform_it (global.set $acc (i64.extend_i32_u (call $call_perform))))
)
