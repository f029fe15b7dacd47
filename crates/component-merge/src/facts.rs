//! What is known of the members' code and values before anything is written.

use std::collections::{HashMap, HashSet};

use wasmparser::{ConstExpr, ElementItems, ElementKind, FunctionBody, Operator, OperatorsReader, ValType};

use crate::{
    Error,
    group::{Group, Target},
    module::{Module, Space},
};

/// A constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
}

/// What is known.
#[derive(Default)]
pub(crate) struct Facts {
    /// Globals that have one value for ever.
    pub(crate) values: HashMap<Target, Value>,
    /// Tables that grow.
    pub(crate) grown: HashSet<Target>,
    /// Functions that only call another one with their own parameters, and the one they call.
    forwards: HashMap<Target, Target>,
    /// Functions that can be called.
    pub(crate) live: HashSet<Target>,
    /// Functions of which code makes a reference.
    pub(crate) referred: Vec<Target>,
}

impl Facts {
    /// Reads the code of the members that can be reached.
    pub(crate) fn gather(group: &Group<'_, '_>) -> Result<Self, Error> {
        let outside: HashSet<Target> = group.exports.iter().map(|(_, _, _, target)| *target).collect();
        let mut facts = Self::default();
        let code = facts.reach(group)?;
        facts.values = values(group, &code, &outside)?;
        // A start function may call through the table while it is not yet filled.
        if group.members.iter().all(|member| member.module.start.is_none()) {
            facts.forwards = facts.forwards(group, &code, &outside)?;
            // Functions that pass on calls are called no more.
            facts.reach(group)?;
        }
        facts.referred = code.referred(group)?;
        facts.grown = code.grown;
        Ok(facts)
    }

    /// The function that is called when `func` is.
    pub(crate) fn called(&self, func: Target) -> Target {
        let mut at = func;
        // More steps than functions are a circle, in which any of them does what the others do.
        for _ in 0..=self.forwards.len() {
            match self.forwards.get(&at) {
                Some(next) => at = *next,
                None => return at,
            }
        }
        func
    }

    /// The value of a constant expression, when it is a number that is known.
    pub(crate) fn value(
        &self,
        group: &Group<'_, '_>,
        member: usize,
        expr: &ConstExpr<'_>,
    ) -> Result<Option<Value>, Error> {
        evaluate(group, &self.values, member, expr)
    }

    /// Functions that only pass on their parameters through a table whose content is known.
    fn forwards(
        &self,
        group: &Group<'_, '_>,
        code: &Code,
        outside: &HashSet<Target>,
    ) -> Result<HashMap<Target, Target>, Error> {
        let tables = self.tables(group, code, outside)?;
        let mut forwards = HashMap::new();
        for (position, member) in group.enumerate() {
            for func in member.own(Space::Func) {
                let Some(body) = member.module.body(func) else { continue };
                let Some((ty, table, slot)) = forwarded(body, member.module.type_of(func)?.params())? else {
                    continue;
                };
                let table = group.target(position, Space::Table, table)?;
                let Some(Some(to)) = tables.get(&table).and_then(|slots| slots.get(slot as usize)) else {
                    continue;
                };
                let own = member.module.type_of(func)?;
                if own == member.module.func_type(ty)? && Some(own) == type_of(group, *to)? {
                    forwards.insert(Target::Own { member: position, index: func }, *to);
                }
            }
        }
        Ok(forwards)
    }

    /// Content of the tables that nothing changes after the members' segments.
    fn tables(
        &self,
        group: &Group<'_, '_>,
        code: &Code,
        outside: &HashSet<Target>,
    ) -> Result<HashMap<Target, Vec<Option<Target>>>, Error> {
        let mut tables = HashMap::new();
        for (position, member) in group.enumerate() {
            for index in member.own(Space::Table) {
                let table = Target::Own { member: position, index };
                let size = member.module.tables[index as usize].initial;
                if !code.written.contains(&table) && !outside.contains(&table) && size <= 1 << 20 {
                    tables.insert(table, vec![None; usize::try_from(size).unwrap_or(0)]);
                }
            }
        }
        for (position, member) in group.enumerate() {
            for element in &member.module.elements {
                let ElementKind::Active { table_index, offset_expr } = &element.kind else { continue };
                let table = group.target(position, Space::Table, table_index.unwrap_or(0))?;
                let Some(slots) = tables.get_mut(&table) else { continue };
                let offset = match self.value(group, position, offset_expr)? {
                    Some(Value::I32(offset)) => usize::try_from(offset.cast_unsigned()).ok(),
                    Some(Value::I64(offset)) => usize::try_from(offset.cast_unsigned()).ok(),
                    _ => None,
                };
                let items = items(group, position, &element.items)?;
                let place = offset.and_then(|from| slots.get_mut(from..from.checked_add(items.len())?));
                match place {
                    Some(place) => place.copy_from_slice(&items),
                    // Where it goes is not known, or it traps.
                    None => drop(tables.remove(&table)),
                }
            }
        }
        Ok(tables)
    }

    /// Finds what can be called, from what others can reach on, and what the code of that does.
    fn reach(&mut self, group: &Group<'_, '_>) -> Result<Code, Error> {
        let mut open = Vec::new();
        open.extend(group.exports.iter().filter(|export| export.2 == Space::Func).map(|export| export.3));
        for (position, member) in group.enumerate() {
            if let Some(start) = member.module.start {
                open.push(group.target(position, Space::Func, start)?);
            }
            for element in &member.module.elements {
                open.extend(items(group, position, &element.items)?.into_iter().flatten());
            }
            for global in member.own(Space::Global) {
                let init = member.module.init(global);
                open.extend(init.map(|init| function(group, position, init)).transpose()?.flatten());
            }
        }
        let mut code = Code::default();
        self.live.clear();
        while let Some(func) = open.pop() {
            let func = self.called(func);
            if self.live.insert(func)
                && let Target::Own { member, index } = func
            {
                let body = group.members.get(member).and_then(|member| member.module.body(index));
                let body = body.ok_or_else(|| Error::Lost(format!("function {index}")))?;
                open.extend(code.read_body(group, member, body)?);
            }
        }
        Ok(code)
    }
}

/// What code does.
#[derive(Default)]
struct Code {
    /// Functions of which a reference is made, by member.
    references: Vec<(usize, u32)>,
    /// Globals that are set.
    set: HashSet<Target>,
    /// Tables that are changed, in size or content.
    written: HashSet<Target>,
    grown: HashSet<Target>,
}

impl Code {
    /// Reads one function, and gives those that it calls or makes a reference of.
    fn read_body(
        &mut self,
        group: &Group<'_, '_>,
        member: usize,
        body: &FunctionBody<'_>,
    ) -> Result<Vec<Target>, Error> {
        let mut calls = Vec::new();
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            match reader.read()? {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    calls.push(group.target(member, Space::Func, function_index)?);
                }
                Operator::RefFunc { function_index } => {
                    calls.push(group.target(member, Space::Func, function_index)?);
                    self.references.push((member, function_index));
                }
                Operator::GlobalSet { global_index } => {
                    self.set.insert(group.target(member, Space::Global, global_index)?);
                }
                Operator::TableGrow { table } => {
                    let table = group.target(member, Space::Table, table)?;
                    self.written.insert(table);
                    self.grown.insert(table);
                }
                Operator::TableSet { table }
                | Operator::TableFill { table }
                | Operator::TableInit { table, .. }
                | Operator::TableCopy { dst_table: table, .. } => {
                    self.written.insert(group.target(member, Space::Table, table)?);
                }
                _ => {}
            }
        }
        Ok(calls)
    }

    fn referred(&self, group: &Group<'_, '_>) -> Result<Vec<Target>, Error> {
        let mut seen = HashSet::new();
        let mut referred = Vec::new();
        for (member, func) in &self.references {
            let func = group.target(*member, Space::Func, *func)?;
            if seen.insert(func) {
                referred.push(func);
            }
        }
        Ok(referred)
    }
}

/// Globals that have one value for ever: those that are immutable, and those that no code sets and nobody else gets.
fn values(
    group: &Group<'_, '_>,
    code: &Code,
    outside: &HashSet<Target>,
) -> Result<HashMap<Target, Value>, Error> {
    let mut values = HashMap::new();
    // A global begins with a value of earlier ones, since what a member imports is defined by the members before it.
    for (position, member) in group.enumerate() {
        for index in member.own(Space::Global) {
            let global = Target::Own { member: position, index };
            let mutable = member.module.globals[index as usize].mutable;
            if mutable && (code.set.contains(&global) || outside.contains(&global)) {
                continue;
            }
            let Some(init) = member.module.init(index) else { continue };
            if let Some(value) = evaluate(group, &values, position, init)? {
                values.insert(global, value);
            }
        }
    }
    Ok(values)
}

/// The value of a constant expression, when it is a number that is known.
fn evaluate(
    group: &Group<'_, '_>,
    values: &HashMap<Target, Value>,
    member: usize,
    expr: &ConstExpr<'_>,
) -> Result<Option<Value>, Error> {
    let mut stack = Vec::new();
    let mut reader = expr.get_operators_reader();
    while !reader.is_end_then_eof() {
        let value = match reader.read()? {
            Operator::I32Const { value } => Value::I32(value),
            Operator::I64Const { value } => Value::I64(value),
            Operator::F32Const { value } => Value::F32(value.bits()),
            Operator::F64Const { value } => Value::F64(value.bits()),
            Operator::GlobalGet { global_index } => {
                match values.get(&group.target(member, Space::Global, global_index)?) {
                    Some(value) => *value,
                    None => return Ok(None),
                }
            }
            operator => {
                let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else { return Ok(None) };
                match compute(&operator, left, right) {
                    Some(value) => value,
                    None => return Ok(None),
                }
            }
        };
        stack.push(value);
    }
    Ok(stack.pop())
}

/// The operators of constant expressions that have operands.
fn compute(operator: &Operator<'_>, left: Value, right: Value) -> Option<Value> {
    Some(match (operator, left, right) {
        (Operator::I32Add, Value::I32(left), Value::I32(right)) => Value::I32(left.wrapping_add(right)),
        (Operator::I32Sub, Value::I32(left), Value::I32(right)) => Value::I32(left.wrapping_sub(right)),
        (Operator::I32Mul, Value::I32(left), Value::I32(right)) => Value::I32(left.wrapping_mul(right)),
        (Operator::I64Add, Value::I64(left), Value::I64(right)) => Value::I64(left.wrapping_add(right)),
        (Operator::I64Sub, Value::I64(left), Value::I64(right)) => Value::I64(left.wrapping_sub(right)),
        (Operator::I64Mul, Value::I64(left), Value::I64(right)) => Value::I64(left.wrapping_mul(right)),
        _ => return None,
    })
}

/// The functions of a segment; `None` is one that is null or not known.
fn items(
    group: &Group<'_, '_>,
    member: usize,
    items: &ElementItems<'_>,
) -> Result<Vec<Option<Target>>, Error> {
    let mut funcs = Vec::new();
    match items {
        ElementItems::Functions(section) => {
            for func in section.clone() {
                funcs.push(Some(group.target(member, Space::Func, func?)?));
            }
        }
        ElementItems::Expressions(_, section) => {
            for expr in section.clone() {
                funcs.push(function(group, member, &expr?)?);
            }
        }
    }
    Ok(funcs)
}

/// The function that a constant expression is a reference of.
fn function(group: &Group<'_, '_>, member: usize, expr: &ConstExpr<'_>) -> Result<Option<Target>, Error> {
    match expr.get_operators_reader().read()? {
        Operator::RefFunc { function_index } => group.target(member, Space::Func, function_index).map(Some),
        _ => Ok(None),
    }
}

/// Type, table and slot of a function that does nothing but call that with all of its parameters.
fn forwarded(body: &FunctionBody<'_>, params: &[ValType]) -> Result<Option<(u32, u32, u32)>, Error> {
    if body.get_locals_reader()?.get_count() > 0 {
        return Ok(None);
    }
    let mut reader: OperatorsReader<'_> = body.get_operators_reader()?;
    for param in 0..params.len() {
        match reader.read()? {
            Operator::LocalGet { local_index } if local_index as usize == param => {}
            _ => return Ok(None),
        }
    }
    let Operator::I32Const { value } = reader.read()? else { return Ok(None) };
    if reader.eof() {
        return Ok(None);
    }
    let Operator::CallIndirect { type_index, table_index } = reader.read()? else { return Ok(None) };
    Ok(reader.is_end_then_eof().then_some((type_index, table_index, value.cast_unsigned())))
}

/// The type of a function.
fn type_of<'g>(group: &'g Group<'_, '_>, func: Target) -> Result<Option<&'g wasmparser::FuncType>, Error> {
    let (member, index) = match func {
        Target::Own { member, index } => (member, index),
        Target::Import(position) => match group.imports.get(position).and_then(|import| import.users.first())
        {
            Some(user) => *user,
            None => return Ok(None),
        },
    };
    let module: Option<&Module<'_>> = group.members.get(member).map(|member| member.module);
    module.map(|module| module.type_of(index)).transpose()
}
