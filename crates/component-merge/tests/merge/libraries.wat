(component
  ;; Memory, table and addresses, as a dynamic linker lays them out.
  (core module $env
    (memory (export "memory") 1)
    (table (export "__indirect_function_table") 8 funcref)
    (global (export "__stack_pointer") (mut i32) (i32.const 4096))
    (global (export "a:memory_base") i32 (i32.const 1024))
    (global (export "a:table_base") i32 (i32.const 1))
    (global (export "b:memory_base") i32 (i32.const 2048))
    (global (export "b:table_base") i32 (i32.const 3))
    (global (export "a:GOT.mem:counter") (mut i32) (i32.const 1028))
    (global (export "b:GOT.func:answer") (mut i32) (i32.const 1))
    ;; What the first library calls of the second, before there is one.
    (type $unary (func (param i32) (result i32)))
    (func (export "twice") (param i32) (result i32)
      local.get 0
      i32.const 3
      call_indirect (type $unary)))
  (core module $a
    (type $number (func (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "__indirect_function_table" (table 0 funcref))
    (import "env" "__stack_pointer" (global $sp (mut i32)))
    (import "env" "__memory_base" (global $memory_base i32))
    (import "env" "__table_base" (global $table_base i32))
    (import "env" "twice" (func $twice (param i32) (result i32)))
    (import "GOT.mem" "counter" (global $counter (mut i32)))
    (global (export "here") i32 (i32.const 4))
    (elem (global.get $table_base) func $answer $bump)
    (data (global.get $memory_base) "\2a\00\00\00")
    (func $answer (export "answer") (result i32)
      global.get $memory_base
      i32.load)
    (func $bump (export "bump") (result i32)
      global.get $sp
      i32.const 16
      i32.sub
      global.set $sp
      global.get $counter
      global.get $memory_base
      i32.const 4
      i32.add
      i32.load
      i32.const 1
      i32.add
      i32.store
      global.get $sp
      i32.const 16
      i32.add
      global.set $sp
      global.get $counter
      i32.load)
    (func (export "thousand") (result i32)
      i32.const 500
      call $twice)
    (func $unused (result i32) unreachable))
  (core module $b
    (type $number (func (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "__indirect_function_table" (table 0 funcref))
    (import "env" "__table_base" (global $table_base i32))
    (import "env" "answer" (func $answer (result i32)))
    (import "env" "thousand" (func $thousand (result i32)))
    (import "GOT.func" "answer" (global $answer_at (mut i32)))
    (import "GOT.mem" "counter" (global $counter (mut i32)))
    (elem (global.get $table_base) func $twice)
    (func $twice (param i32) (result i32)
      local.get 0
      i32.const 2
      i32.mul)
    (func (export "call-each") (result i32)
      call $thousand
      global.get $answer_at
      call_indirect (type $number)
      i32.add
      call $answer
      i32.add
      global.get $answer_at
      call_indirect (type $number)
      i32.sub)
    (func (export "address") (result i32)
      global.get $counter)
    (func (export "pick") (param i32) (result i32)
      local.get 0
      call_indirect (type $number)))
  (core instance $env (instantiate $env))
  (core instance $a (instantiate $a
    (with "env" (instance
      (export "memory" (memory $env "memory"))
      (export "__indirect_function_table" (table $env "__indirect_function_table"))
      (export "__stack_pointer" (global $env "__stack_pointer"))
      (export "__memory_base" (global $env "a:memory_base"))
      (export "__table_base" (global $env "a:table_base"))
      (export "twice" (func $env "twice"))))
    (with "GOT.mem" (instance (export "counter" (global $env "a:GOT.mem:counter"))))))
  (core instance $b (instantiate $b
    (with "env" (instance
      (export "memory" (memory $env "memory"))
      (export "__indirect_function_table" (table $env "__indirect_function_table"))
      (export "__table_base" (global $env "b:table_base"))
      (export "answer" (func $a "answer"))
      (export "thousand" (func $a "thousand"))))
    (with "GOT.func" (instance (export "answer" (global $env "b:GOT.func:answer"))))
    (with "GOT.mem" (instance (export "counter" (global $env "a:GOT.mem:counter"))))))
  (func (export "call-each") (result u32) (canon lift (core func $b "call-each")))
  (func (export "count") (result u32) (canon lift (core func $a "bump")))
  (func (export "address") (result u32) (canon lift (core func $b "address")))
  (func (export "pick") (param "slot" u32) (result u32) (canon lift (core func $b "pick"))))
