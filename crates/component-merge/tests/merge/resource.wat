(component
  (core module $shim
    (type $drop (func (param i32)))
    (table $table (export "$imports") 1 1 funcref)
    (func (export "0") (param i32)
      local.get 0
      i32.const 0
      call_indirect (type $drop)))
  (core module $main
    (import "thing" "new" (func $new (param i32) (result i32)))
    (import "thing" "drop" (func $drop (param i32)))
    (memory (export "memory") 1)
    (func (export "make-and-drop") (call $drop (call $new (i32.const 5))))
    (func (export "dropped") (param i32) (i32.store (i32.const 0) (local.get 0))))
  (core module $run
    (import "main" "memory" (memory 1))
    (import "main" "make-and-drop" (func $make_and_drop))
    (func (export "run") (result i32)
      call $make_and_drop
      (i32.load (i32.const 0))))
  (core module $fixup
    (import "" "0" (func $dropped (param i32)))
    (import "" "$imports" (table 1 1 funcref))
    (elem (i32.const 0) func $dropped))
  (core instance $shim (instantiate $shim))
  (type $thing (resource (rep i32) (dtor (func $shim "0"))))
  (core func $new (canon resource.new $thing))
  (core func $drop (canon resource.drop $thing))
  (core instance $main (instantiate $main
    (with "thing" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
  (core instance $fixup (instantiate $fixup
    (with "" (instance
      (export "0" (func $main "dropped"))
      (export "$imports" (table $shim "$imports"))))))
  (core instance $run (instantiate $run (with "main" (instance $main))))
  (func (export "run") (result u32) (canon lift (core func $run "run"))))
