(component
  (import "log" (func $log (param "text" string)))
  (core module $shim
    (type $log (func (param i32 i32)))
    (table $table (export "$imports") 1 1 funcref)
    (func (export "0") (param i32 i32)
      local.get 0
      local.get 1
      i32.const 0
      call_indirect (type $log)))
  (core module $main
    (memory (export "memory") 1)
    (data (i32.const 8) "hello"))
  (core module $fixup
    (import "" "0" (func $log (param i32 i32)))
    (import "" "$imports" (table 1 1 funcref))
    (elem (i32.const 0) func $log))
  ;; Would trap if it ran before the fixup.
  (core module $last
    (import "shim" "0" (func $log (param i32 i32)))
    (import "main" "memory" (memory 1))
    (func $start
      (call $log (i32.const 8) (i32.const 5))
      (i32.store (i32.const 0) (i32.const 1)))
    (func (export "started") (result i32) (i32.load (i32.const 0)))
    (start $start))
  (core instance $shim (instantiate $shim))
  (core instance $main (instantiate $main))
  (core func $log (canon lower (func $log) (memory $main "memory") string-encoding=utf8))
  (core instance $fixup (instantiate $fixup
    (with "" (instance
      (export "0" (func $log))
      (export "$imports" (table $shim "$imports"))))))
  (core instance $last (instantiate $last
    (with "shim" (instance $shim))
    (with "main" (instance $main))))
  (func (export "started") (result u32) (canon lift (core func $last "started"))))
