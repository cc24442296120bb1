//! A canister that does what its argument says, and what that makes of its memories.

use crate::limits::WASM_PAGE_BYTES;

/// Executes its argument: instructions of 8 bytes each, of which byte 0 says what to do, bytes 2
/// and 3 are a number `$v` and bytes 4 to 7 a number `$p`.
pub const INTERPRETER: &str = r#"(module
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "stable64_size" (func $stable_size (result i64)))
  (import "ic0" "stable64_grow" (func $stable_grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $stable_write (param i64 i64 i64)))
  (import "ic0" "stable64_read" (func $stable_read (param i64 i64 i64)))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (memory 2 5)
  (data (i32.const 70000) "what the module begins with")
  (global $a (mut i32) (i32.const 11))
  (global $b (mut i64) (i64.const 12))
  (func $heap_at (param $p i32) (result i32)
    (i32.add (i32.const 1024)
      (i32.rem_u (local.get $p)
        (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 10000)))))
  (func $stable_at (param $p i32) (result i64)
    (i64.rem_u (i64.extend_i32_u (local.get $p))
      (i64.mul (call $stable_size) (i64.const 65536))))
  (func $busy (param $times i32)
    (loop $again
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (i32.gt_s (local.get $times) (i32.const 0)))))
  (func $do (param $op i32) (param $v i32) (param $p i32)
    (block (block (block (block (block (block (block (block (block (block (block
      (br_table 0 1 2 3 4 5 6 7 8 9 10 (local.get $op)))
      (; 0 ;) (i32.store16 (call $heap_at (local.get $p)) (local.get $v)) return)
      (; 1 ;) (global.set $a (local.get $v)) return)
      (; 2 ;) (global.set $b (i64.add (global.get $b) (i64.extend_i32_u (local.get $p)))) return)
      (; 3 ;) (memory.fill (call $heap_at (local.get $p)) (local.get $v) (i32.const 6000)) return)
      (; 4 ;) (drop (memory.grow (i32.const 1))) return)
      (; 5 ;) (drop (call $stable_grow (i64.const 1))) return)
      (; 6 ;) (call $stable_write (call $stable_at (local.get $p))
        (i64.extend_i32_u (call $heap_at (local.get $v))) (i64.const 5000)) return)
      (; 7 ;) (call $stable_read (i64.extend_i32_u (call $heap_at (local.get $v)))
        (call $stable_at (local.get $p)) (i64.const 5000)) return)
      (; 8 ;) (call $busy (i32.mul (local.get $v) (i32.const 1024))) return)
      (; 9 ;) (call $trap (i32.const 0) (i32.const 1)) return)
    (; 10 ;) (drop (i32.load (i32.const -1))))
  (func (export "canister_update run") (local $at i32) (local $end i32)
    (local.set $end (call $size))
    (call $copy (i32.const 0) (i32.const 0) (local.get $end))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (call $do (i32.load8_u (local.get $at)) (i32.load16_u offset=2 (local.get $at))
          (i32.load offset=4 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))))"#;

/// What another version of that begins with.
pub const OTHER_DATA: &str = "what another one starts off";

#[derive(Clone, Copy, Debug)]
pub struct Op(pub u8, pub u16, pub u32);

pub const GROW_STABLE: Op = Op(5, 0, 0);
pub const TRAP: Op = Op(9, 0, 0);
pub const READ_OUTSIDE: Op = Op(10, 0, 0);

/// What an execution can change.
#[derive(Clone, PartialEq, Eq)]
pub struct Model {
    pub heap: Vec<u8>,
    pub a: i32,
    pub b: i64,
    pub stable: Vec<u8>,
}

pub struct Trapped;

impl Model {
    pub fn new() -> Self {
        let mut heap = vec![0; 2 * WASM_PAGE_BYTES as usize];
        heap[70_000..70_027].copy_from_slice(b"what the module begins with");
        Self { heap, a: 11, b: 12, stable: vec![] }
    }

    fn heap_at(&self, p: u32) -> usize {
        1024 + p as usize % (self.heap.len() - 10_000)
    }

    fn stable_range(&self, p: u32) -> Result<std::ops::Range<usize>, Trapped> {
        let start = (p as usize).checked_rem(self.stable.len()).ok_or(Trapped)?;
        if start + 5_000 > self.stable.len() { Err(Trapped) } else { Ok(start..start + 5_000) }
    }

    pub fn run(&mut self, ops: &[Op]) -> Result<(), Trapped> {
        let page = WASM_PAGE_BYTES as usize;
        let program = program(ops);
        self.heap[..program.len()].copy_from_slice(&program);
        for &Op(op, v, p) in ops {
            let (at, from) = (self.heap_at(p), self.heap_at(v.into()));
            match op {
                0 => self.heap[at..at + 2].copy_from_slice(&v.to_le_bytes()),
                1 => self.a = v.into(),
                2 => self.b += i64::from(p),
                3 => self.heap[at..at + 6_000].fill(v as u8),
                4 => self.heap.resize((self.heap.len() + page).min(5 * page), 0),
                5 => self.stable.resize(self.stable.len() + page, 0),
                6 => {
                    let range = self.stable_range(p)?;
                    self.stable[range].copy_from_slice(&self.heap[from..from + 5_000]);
                }
                7 => {
                    let range = self.stable_range(p)?;
                    self.heap[from..from + 5_000].copy_from_slice(&self.stable[range]);
                }
                8 => {}
                _ => return Err(Trapped),
            }
        }
        Ok(())
    }
}

pub fn program(ops: &[Op]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Op(op, v, p) in ops {
        bytes.extend([*op, 0]);
        bytes.extend(v.to_le_bytes());
        bytes.extend(p.to_le_bytes());
    }
    bytes
}
