(component
  (core module $env
    (type $number (func (result i32)))
    (table (export "table") 1 1 funcref)
    ;; Only passes on the call, to what is not there yet when the start function runs.
    (func (export "pass") (result i32)
      i32.const 0
      call_indirect (type $number)))
  (core module $first
    (import "env" "pass" (func $pass (result i32)))
    (func $start (drop (call $pass)))
    (start $start))
  (core module $second
    (import "env" "table" (table 1 1 funcref))
    (elem (i32.const 0) func $one)
    (func $one (export "one") (result i32) i32.const 1))
  (core instance $env (instantiate $env))
  (core instance (instantiate $first (with "env" (instance $env))))
  (core instance $second (instantiate $second (with "env" (instance $env))))
  (func (export "one") (result u32) (canon lift (core func $second "one"))))
