(component
  (import "log" (func $log (param "text" string)))
  ;; As wit-component does it: the library calls a shim, and a module at the end puts the lowered function behind it.
  (core module $shim
    (type $log (func (param i32 i32)))
    (table $table (export "$imports") 1 1 funcref)
    (func (export "0") (param i32 i32)
      local.get 0
      local.get 1
      i32.const 0
      call_indirect (type $log)))
  (core module $main
    (import "host" "log" (func $log (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "hello")
    (func (export "greet")
      i32.const 8
      i32.const 5
      call $log))
  (core module $fixup
    (import "" "0" (func $log (param i32 i32)))
    (import "" "$imports" (table 1 1 funcref))
    (elem (i32.const 0) func $log))
  ;; Comes after the fixup, and can be merged all the same: nobody can tell when it is made.
  (core module $last
    (import "main" "greet" (func $greet))
    (func (export "greet") call $greet))
  (core instance $shim (instantiate $shim))
  (core instance $main (instantiate $main
    (with "host" (instance (export "log" (func $shim "0"))))))
  (core func $log (canon lower (func $log) (memory $main "memory") string-encoding=utf8))
  (core instance $fixup (instantiate $fixup
    (with "" (instance
      (export "0" (func $log))
      (export "$imports" (table $shim "$imports"))))))
  (core instance $last (instantiate $last (with "main" (instance $main))))
  (func (export "greet") (canon lift (core func $last "greet"))))
