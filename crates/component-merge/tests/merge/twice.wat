(component
  (core module $counter
    (global $count (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      global.get $count))
  (core module $sum
    (import "one" "next" (func $one (result i32)))
    (import "two" "next" (func $two (result i32)))
    (func (export "sum") (result i32)
      (drop (call $one))
      (i32.add (call $one) (call $two))))
  (core module $front
    (import "sum" "sum" (func $sum (result i32)))
    (func (export "sum") (result i32) call $sum))
  (core instance $one (instantiate $counter))
  (core instance $two (instantiate $counter))
  (core instance $sum (instantiate $sum (with "one" (instance $one)) (with "two" (instance $two))))
  (core instance $front (instantiate $front (with "sum" (instance $sum))))
  (func (export "sum") (result u32) (canon lift (core func $front "sum"))))
