(component
  (core module $a
    (memory 1)
    (data (i32.const 0) "\05")
    (func (export "five") (result i32) (i32.load (i32.const 0))))
  (core module $b
    (import "a" "five" (func $five (result i32)))
    (func (export "five") (result i32) call $five))
  (core module $c
    (import "b" "five" (func $five (result i32)))
    (memory 1)
    (data (i32.const 0) "\07")
    (func (export "both") (result i32) (i32.add (call $five) (i32.load (i32.const 0)))))
  (core instance $a (instantiate $a))
  (core instance $b (instantiate $b (with "a" (instance $a))))
  (core instance $c (instantiate $c (with "b" (instance $b))))
  (func (export "both") (result u32) (canon lift (core func $c "both"))))
