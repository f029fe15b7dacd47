(component
  ;; Each start function notes what it sees of the memory's first two bytes.
  (core module $env
    (memory (export "memory") 1)
    (table (export "table") 4 funcref))
  (core module $first
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 4 funcref))
    (data (i32.const 0) "\01")
    (func $start
      (i32.store (i32.const 16) (i32.load16_u (i32.const 0)))
      (i32.store8 (i32.const 1) (i32.const 1)))
    (start $start))
  (core module $second
    (type $number (func (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 4 funcref))
    (elem (i32.const 2) func $three)
    (data (i32.const 0) "\03\00")
    (func $three (result i32) i32.const 3)
    (func $start
      (i32.store (i32.const 20) (call_indirect (type $number) (i32.const 2)))
      (i32.store8 (i32.const 1) (i32.const 1)))
    (start $start))
  (core module $third
    (import "env" "memory" (memory 1))
    (func (export "seen") (param i32) (result i32)
      (if (i32.eq (local.get 0) (i32.const 2))
        (then (return (i32.load16_u (i32.const 0)))))
      (i32.load (i32.add (i32.const 16) (i32.mul (local.get 0) (i32.const 4))))))
  (core instance $env (instantiate $env))
  (core instance (instantiate $first (with "env" (instance $env))))
  (core instance (instantiate $second (with "env" (instance $env))))
  (core instance $third (instantiate $third (with "env" (instance $env))))
  (func (export "seen") (param "which" u32) (result u32) (canon lift (core func $third "seen"))))
