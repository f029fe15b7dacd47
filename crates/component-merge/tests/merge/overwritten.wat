(component
  (import "log" (func $log (param "text" string)))
  (core module $main
    (type $log (func (param i32 i32)))
    (memory (export "memory") 1)
    ;; Large, so that the set with this module is the one that is merged.
    (data (i32.const 100) "................................................................................................................................................................................................")
    (table $table (export "table") 1 1 funcref)
    (func (export "call") (result i32)
      i32.const 0
      i32.const 0
      i32.const 0
      call_indirect (type $log)
      i32.const 8
      i32.load))
  (core module $fixup
    (import "" "log" (func $log (param i32 i32)))
    (import "" "table" (table 1 1 funcref))
    (elem (i32.const 0) func $log))
  ;; Writes to the same slot, so that it has to be the later one.
  (core module $last
    (import "main" "memory" (memory 1))
    (import "main" "table" (table 1 1 funcref))
    (elem (i32.const 0) func $other)
    (func $other (param i32 i32) (i32.store (i32.const 8) (i32.const 1))))
  (core module $apart
    (import "main" "call" (func $call (result i32)))
    (func (export "call") (result i32) call $call))
  (core instance $main (instantiate $main))
  (core func $log (canon lower (func $log) (memory $main "memory") string-encoding=utf8))
  (core instance (instantiate $fixup
    (with "" (instance
      (export "log" (func $log))
      (export "table" (table $main "table"))))))
  (core instance (instantiate $last (with "main" (instance $main))))
  (core instance $apart (instantiate $apart (with "main" (instance $main))))
  (func (export "call") (result u32) (canon lift (core func $apart "call"))))
