//! Writes the merged module.

use std::collections::HashMap;

use wasm_encoder::{
    CodeSection, DataCountSection, Encode, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, ImportSection, Instruction, MemorySection, StartSection, TableSection, TypeSection,
    reencode::{self, Reencode, utils},
};
use wasmparser::{ConstExpr, FuncType, FunctionBody, MemoryType, Operator, TableType};

use crate::{
    Error,
    facts::{Facts, Value},
    group::{Group, Import, Target},
    module::{PerSpace, Space},
};

/// The module name of everything that the merged module imports; the names are positions in [`Group::imports`].
pub(crate) const IMPORTS: &str = "";

/// The name that an export of an instance has as the merged module's.
pub(crate) fn export_name(instance: u32, name: &str) -> String {
    format!("{instance}:{name}")
}

/// The module that does what the members of `group` do.
pub(crate) fn emit(group: &Group<'_, '_>) -> Result<Vec<u8>, Error> {
    let facts = Facts::gather(group)?;
    Writer::new(group, &facts).module()
}

/// Writes the parts of the module. Indices are those of one member at a time.
pub(crate) struct Writer<'g, 'c, 'a> {
    pub(crate) group: &'g Group<'c, 'a>,
    pub(crate) facts: &'g Facts,
    /// The member whose indices are changed.
    pub(crate) member: usize,
    numbers: PerSpace<HashMap<Target, u32>>,
    pub(crate) types: Types,
    /// Index of each member's first segment.
    pub(crate) elements: Vec<u32>,
    pub(crate) data: Vec<u32>,
    /// Members from here on write their segments by code, since a start function ran before.
    pub(crate) by_code: usize,
}

/// Types of functions, each once.
#[derive(Default)]
pub(crate) struct Types {
    list: Vec<FuncType>,
    numbers: HashMap<FuncType, u32>,
}

impl Types {
    pub(crate) fn number(&mut self, ty: &FuncType) -> u32 {
        if let Some(number) = self.numbers.get(ty) {
            return *number;
        }
        let number = index(self.list.len());
        self.list.push(ty.clone());
        self.numbers.insert(ty.clone(), number);
        number
    }
}

/// A length as an index; modules are far below the limit.
pub(crate) fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl<'g, 'c, 'a> Writer<'g, 'c, 'a> {
    fn new(group: &'g Group<'c, 'a>, facts: &'g Facts) -> Self {
        let first_start = group.members.iter().position(|member| member.module.start.is_some());
        let mut writer = Self {
            group,
            facts,
            member: 0,
            numbers: PerSpace::default(),
            types: Types::default(),
            elements: Vec::new(),
            data: Vec::new(),
            by_code: first_start.map_or(usize::MAX, |first| first + 1),
        };
        for (position, import) in group.imports.iter().enumerate() {
            writer.add(import.space, Target::Import(position));
        }
        let (mut elements, mut data) = (0, 0);
        for (position, member) in group.enumerate() {
            for space in [Space::Func, Space::Table, Space::Memory, Space::Global] {
                for index in member.own(space) {
                    let target = Target::Own { member: position, index };
                    if writer.is_kept(space, target) {
                        writer.add(space, target);
                    }
                }
            }
            writer.elements.push(elements);
            writer.data.push(data);
            elements += index(member.module.elements.len());
            data += index(member.module.data.len());
        }
        writer
    }

    fn add(&mut self, space: Space, target: Target) {
        let numbers = &mut self.numbers[space];
        numbers.insert(target, index(numbers.len()));
    }

    /// Whether something that a member defines is in the merged module.
    fn is_kept(&self, space: Space, target: Target) -> bool {
        match space {
            Space::Func => self.facts.live.contains(&target),
            Space::Global => !self.facts.values.contains_key(&target) || self.is_exported(target, space),
            _ => true,
        }
    }

    fn is_exported(&self, target: Target, space: Space) -> bool {
        self.group.exports.iter().any(|export| (export.2, export.3) == (space, target))
    }

    /// The index of something in the merged module.
    pub(crate) fn number(&self, space: Space, target: Target) -> Result<u32, Error> {
        let target = if space == Space::Func { self.facts.called(target) } else { target };
        let number = self.numbers[space].get(&target).copied();
        number.ok_or_else(|| Error::Lost(format!("{space:?} {target:?} of the merged module")))
    }

    /// The index in the merged module of something that has this one in the member.
    pub(crate) fn renumber(&self, space: Space, index: u32) -> Result<u32, reencode::Error<Error>> {
        let target = self.group.target(self.member, space, index).map_err(reencode::Error::UserError)?;
        self.number(space, target).map_err(reencode::Error::UserError)
    }

    fn module(mut self) -> Result<Vec<u8>, Error> {
        let imports = self.imports()?;
        let (tables, memories) = (self.tables()?, self.memories()?);
        let globals = self.globals()?;
        let exports = self.exports()?;
        let elements = self.element_section()?;
        let data = self.data_section()?;
        let (mut functions, mut code) = self.functions()?;
        let start = self.start(&mut functions, &mut code)?;

        let mut module = wasm_encoder::Module::new();
        module.section(&self.type_section()?);
        module.section(&imports).section(&functions).section(&tables).section(&memories);
        module.section(&globals).section(&exports);
        if let Some(function_index) = start {
            module.section(&StartSection { function_index });
        }
        module.section(&elements).section(&DataCountSection { count: data.len() });
        module.section(&code).section(&data);
        Ok(module.finish())
    }

    /// After everything else is written, since only then all types are known.
    fn type_section(&mut self) -> Result<TypeSection, Error> {
        let mut section = TypeSection::new();
        for ty in std::mem::take(&mut self.types.list) {
            section.ty().func_type(&self.func_type(ty)?);
        }
        Ok(section)
    }

    fn imports(&mut self) -> Result<ImportSection, Error> {
        let mut section = ImportSection::new();
        let group = self.group;
        for (position, import) in group.imports.iter().enumerate() {
            let ty = self.import_type(import)?;
            section.import(IMPORTS, &position.to_string(), ty);
        }
        Ok(section)
    }

    /// What all users of an import can use.
    fn import_type(&mut self, import: &Import<'a>) -> Result<EntityType, Error> {
        let lost = || Error::Lost(format!("the type of {:?}", import.outside));
        let group = self.group;
        let mut users = import
            .users
            .iter()
            .filter_map(|(member, index)| Some((group.members.get(*member)?.module, *index as usize)));
        Ok(match import.space {
            Space::Func => {
                let (module, index) = users.next().ok_or_else(lost)?;
                EntityType::Function(
                    self.types.number(module.type_of(u32::try_from(index).map_err(|_| lost())?)?),
                )
            }
            Space::Global => {
                let (module, index) = users.next().ok_or_else(lost)?;
                EntityType::Global(self.global_type(module.globals[index])?)
            }
            Space::Table => {
                let ty = users.map(|(module, index)| module.tables[index]).reduce(narrower_table);
                EntityType::Table(self.table_type(ty.ok_or_else(lost)?)?)
            }
            Space::Memory => {
                let ty = users.map(|(module, index)| module.memories[index]).reduce(narrower_memory);
                EntityType::Memory(self.memory_type(ty.ok_or_else(lost)?)?)
            }
            Space::Tag | Space::Module | Space::Instance => return Err(lost()),
        })
    }

    fn tables(&mut self) -> Result<TableSection, Error> {
        let mut section = TableSection::new();
        let group = self.group;
        for (position, member) in group.enumerate() {
            self.member = position;
            for index in member.own(Space::Table) {
                let target = Target::Own { member: position, index };
                let mut ty = member.module.tables[index as usize];
                // A table that cannot grow is one whose size the code need not look up.
                if ty.maximum.is_none()
                    && !self.facts.grown.contains(&target)
                    && !self.is_exported(target, Space::Table)
                {
                    ty.maximum = Some(ty.initial);
                }
                section.table(self.table_type(ty)?);
            }
        }
        Ok(section)
    }

    fn memories(&mut self) -> Result<MemorySection, Error> {
        let mut section = MemorySection::new();
        let group = self.group;
        for (_, member) in group.enumerate() {
            for index in member.own(Space::Memory) {
                section.memory(self.memory_type(member.module.memories[index as usize])?);
            }
        }
        Ok(section)
    }

    fn globals(&mut self) -> Result<GlobalSection, Error> {
        let mut section = GlobalSection::new();
        let group = self.group;
        for (position, member) in group.enumerate() {
            self.member = position;
            for index in member.own(Space::Global) {
                if !self.is_kept(Space::Global, Target::Own { member: position, index }) {
                    continue;
                }
                let init = member.module.init(index).ok_or_else(|| Error::Lost(format!("global {index}")))?;
                let ty = self.global_type(member.module.globals[index as usize])?;
                section.global(ty, &self.const_expr(init.clone())?);
            }
        }
        Ok(section)
    }

    fn exports(&self) -> Result<ExportSection, Error> {
        let mut section = ExportSection::new();
        for (instance, name, space, target) in &self.group.exports {
            let kind = match space {
                Space::Func => ExportKind::Func,
                Space::Table => ExportKind::Table,
                Space::Memory => ExportKind::Memory,
                Space::Global => ExportKind::Global,
                Space::Tag | Space::Module | Space::Instance => {
                    return Err(Error::Lost(format!("export {name} of core instance {instance}")));
                }
            };
            section.export(&export_name(*instance, name), kind, self.number(*space, *target)?);
        }
        Ok(section)
    }

    fn functions(&mut self) -> Result<(FunctionSection, CodeSection), Error> {
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        let group = self.group;
        for (position, member) in group.enumerate() {
            self.member = position;
            for func in member.own(Space::Func) {
                if !self.is_kept(Space::Func, Target::Own { member: position, index: func }) {
                    continue;
                }
                let body = member.module.body(func).ok_or_else(|| Error::Lost(format!("function {func}")))?;
                functions.function(self.types.number(member.module.type_of(func)?));
                self.parse_function_body(&mut code, body.clone())?;
            }
        }
        Ok((functions, code))
    }

    /// The instructions of a constant expression, without the end.
    pub(crate) fn const_bytes(&mut self, expr: &ConstExpr<'_>) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        if let Some(value) = self.facts.value(self.group, self.member, expr)? {
            constant(value).encode(&mut bytes);
            return Ok(bytes);
        }
        let mut reader = expr.get_operators_reader();
        while !reader.is_end_then_eof() {
            let operator = reader.read()?;
            if let Operator::GlobalGet { global_index } = operator
                && let Target::Own { member, index } =
                    self.group.target(self.member, Space::Global, global_index)?
            {
                // Only imported globals can be named here; another one has its own expression in its place.
                let group = self.group;
                let init = group.members.get(member).and_then(|member| member.module.init(index));
                let init = init.ok_or_else(|| Error::Lost(format!("global {index}")))?;
                let here = std::mem::replace(&mut self.member, member);
                bytes.extend(self.const_bytes(init)?);
                self.member = here;
            } else {
                self.instruction(operator)?.encode(&mut bytes);
            }
        }
        Ok(bytes)
    }
}

fn narrower_table(a: TableType, b: TableType) -> TableType {
    TableType { initial: a.initial.max(b.initial), maximum: narrower(a.maximum, b.maximum), ..a }
}

fn narrower_memory(a: MemoryType, b: MemoryType) -> MemoryType {
    MemoryType { initial: a.initial.max(b.initial), maximum: narrower(a.maximum, b.maximum), ..a }
}

fn narrower(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

fn constant(value: Value) -> Instruction<'static> {
    match value {
        Value::I32(value) => Instruction::I32Const(value),
        Value::I64(value) => Instruction::I64Const(value),
        Value::F32(bits) => Instruction::F32Const(wasm_encoder::Ieee32::new(bits)),
        Value::F64(bits) => Instruction::F64Const(wasm_encoder::Ieee64::new(bits)),
    }
}

/// Numbers that were put on the stack and are not written yet, since what follows may be computed here.
#[derive(Default)]
struct Pending(Vec<i32>);

impl Pending {
    /// Takes an instruction, and writes what nothing more can come of.
    fn take(&mut self, instruction: &Instruction<'_>, function: &mut Function) {
        match (instruction, self.0.as_mut_slice()) {
            (Instruction::I32Const(value), _) => self.0.push(*value),
            (Instruction::I32Add, [.., left, right]) => {
                // The address of something in a library: where the library is, and where in it.
                *left = left.wrapping_add(*right);
                self.0.pop();
            }
            _ => {
                for value in self.0.drain(..) {
                    function.instruction(&Instruction::I32Const(value));
                }
                function.instruction(instruction);
            }
        }
    }
}

impl Reencode for Writer<'_, '_, '_> {
    type Error = Error;

    fn function_index(&mut self, func: u32) -> Result<u32, reencode::Error<Error>> {
        self.renumber(Space::Func, func)
    }

    fn table_index(&mut self, table: u32) -> Result<u32, reencode::Error<Error>> {
        self.renumber(Space::Table, table)
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error<Error>> {
        self.renumber(Space::Memory, memory)
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error<Error>> {
        self.renumber(Space::Global, global)
    }

    fn element_index(&mut self, element: u32) -> Result<u32, reencode::Error<Error>> {
        Ok(self.elements[self.member] + element)
    }

    fn data_index(&mut self, data: u32) -> Result<u32, reencode::Error<Error>> {
        Ok(self.data[self.member] + data)
    }

    fn type_index(&mut self, ty: u32) -> Result<u32, reencode::Error<Error>> {
        let group = self.group;
        let ty = group.members[self.member].module.func_type(ty).map_err(reencode::Error::UserError)?;
        Ok(self.types.number(ty))
    }

    fn const_expr(&mut self, expr: ConstExpr<'_>) -> Result<wasm_encoder::ConstExpr, reencode::Error<Error>> {
        let bytes = self.const_bytes(&expr).map_err(reencode::Error::UserError)?;
        Ok(wasm_encoder::ConstExpr::raw(bytes))
    }

    fn instruction<'i>(&mut self, operator: Operator<'i>) -> Result<Instruction<'i>, reencode::Error<Error>> {
        if let Operator::GlobalGet { global_index } = operator {
            let target = self.group.target(self.member, Space::Global, global_index);
            let target = target.map_err(reencode::Error::UserError)?;
            if let Some(value) = self.facts.values.get(&target) {
                return Ok(constant(*value));
            }
        }
        utils::instruction(self, operator)
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error<Error>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut reader = body.get_operators_reader()?;
        let mut pending = Pending::default();
        while !reader.eof() {
            pending.take(&self.parse_instruction(&mut reader)?, &mut function);
        }
        code.function(&function);
        Ok(())
    }
}
