//! A core module, read as far as linking needs it.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, ConstExpr, Data, Element, ExternalKind, FuncType, FunctionBody, GlobalType, HeapType,
    Import, MemoryType, Parser, Payload, TableInit, TableType, TypeRef, ValType,
};

use crate::Error;

/// An index space of core modules and components.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Space {
    Func,
    Table,
    Memory,
    Global,
    Tag,
    /// Of components only.
    Module,
    /// Of components only.
    Instance,
}

impl Space {
    /// How many there are.
    pub(crate) const COUNT: usize = 7;
}

impl From<ExternalKind> for Space {
    fn from(kind: ExternalKind) -> Self {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => Self::Func,
            ExternalKind::Table => Self::Table,
            ExternalKind::Memory => Self::Memory,
            ExternalKind::Global => Self::Global,
            ExternalKind::Tag => Self::Tag,
        }
    }
}

/// One value for each index space.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerSpace<T>([T; Space::COUNT]);

impl<T> std::ops::Index<Space> for PerSpace<T> {
    type Output = T;

    fn index(&self, space: Space) -> &T {
        &self.0[space as usize]
    }
}

impl<T> std::ops::IndexMut<Space> for PerSpace<T> {
    fn index_mut(&mut self, space: Space) -> &mut T {
        &mut self.0[space as usize]
    }
}

/// A core module. What it imports comes first in each of its index spaces.
#[derive(Default)]
pub(crate) struct Module<'a> {
    /// Its types; `None` is one that is not a function's.
    types: Vec<Option<FuncType>>,
    imports: Vec<Import<'a>>,
    /// Positions in `imports`, by index space.
    imported: PerSpace<Vec<usize>>,
    /// Type of each function, as an index.
    pub(crate) funcs: Vec<u32>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<GlobalType>,
    /// Of those that are not imported.
    inits: Vec<ConstExpr<'a>>,
    pub(crate) exports: HashMap<&'a str, (Space, u32)>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Element<'a>>,
    pub(crate) data: Vec<Data<'a>>,
    bodies: Vec<FunctionBody<'a>>,
    /// Something in it that cannot be merged.
    pub(crate) foreign: Option<&'static str>,
}

impl<'a> Module<'a> {
    /// Reads a valid module.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        let group = group?;
                        if group.types().len() > 1 {
                            module.foreign = Some("recursive types");
                        }
                        group.into_types().for_each(|ty| module.add_type(ty.composite_type.inner));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        module.add_import(import?);
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        module.funcs.push(ty?);
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        let table = table?;
                        if matches!(table.init, TableInit::Expr(_)) {
                            module.foreign = Some("a table with an initial value");
                        }
                        module.tables.push(table.ty);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        module.add_memory(memory?);
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let global = global?;
                        module.globals.push(global.ty);
                        module.inits.push(global.init_expr);
                    }
                }
                Payload::TagSection(_) => module.foreign = Some("exceptions"),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        module.exports.insert(export.name, (export.kind.into(), export.index));
                    }
                }
                Payload::StartSection { func, .. } => module.start = Some(func),
                Payload::ElementSection(section) => {
                    for element in section {
                        module.elements.push(element?);
                    }
                }
                Payload::DataSection(section) => {
                    for data in section {
                        module.data.push(data?);
                    }
                }
                Payload::CodeSectionEntry(body) => module.bodies.push(body),
                _ => {}
            }
        }
        Ok(module)
    }

    fn add_type(&mut self, ty: CompositeInnerType) {
        let indexed = |ty: &ValType| matches!(ty, ValType::Ref(ty) if !matches!(ty.heap_type(), HeapType::Abstract { .. }));
        let CompositeInnerType::Func(ty) = ty else {
            self.foreign = Some("types that are no function's");
            return self.types.push(None);
        };
        if ty.params().iter().chain(ty.results()).any(indexed) {
            // Such types are equal by what an index means, which differs from module to module.
            self.foreign = Some("typed references");
        }
        self.types.push(Some(ty));
    }

    fn add_import(&mut self, import: Import<'a>) {
        let space = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.funcs.push(ty);
                Space::Func
            }
            TypeRef::Table(ty) => {
                self.tables.push(ty);
                Space::Table
            }
            TypeRef::Memory(ty) => {
                self.add_memory(ty);
                Space::Memory
            }
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                Space::Global
            }
            TypeRef::Tag(_) => {
                self.foreign = Some("exceptions");
                Space::Tag
            }
        };
        self.imported[space].push(self.imports.len());
        self.imports.push(import);
    }

    fn add_memory(&mut self, memory: MemoryType) {
        if memory.shared {
            self.foreign = Some("shared memory");
        }
        self.memories.push(memory);
    }

    /// All imports, with what they are.
    pub(crate) fn imports(&self) -> impl Iterator<Item = (Space, &Import<'a>)> {
        self.imports.iter().map(|import| {
            let space = match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => Space::Func,
                TypeRef::Table(_) => Space::Table,
                TypeRef::Memory(_) => Space::Memory,
                TypeRef::Global(_) => Space::Global,
                TypeRef::Tag(_) => Space::Tag,
            };
            (space, import)
        })
    }

    /// The import that something is, unless it is defined in the module.
    pub(crate) fn import(&self, space: Space, index: u32) -> Option<&Import<'a>> {
        self.imported[space].get(index as usize).map(|position| &self.imports[*position])
    }

    /// Number of imports of one kind.
    pub(crate) fn imported(&self, space: Space) -> u32 {
        u32::try_from(self.imported[space].len()).unwrap_or(u32::MAX)
    }

    /// Number of things of one kind.
    pub(crate) fn count(&self, space: Space) -> u32 {
        let count = match space {
            Space::Func => self.funcs.len(),
            Space::Table => self.tables.len(),
            Space::Memory => self.memories.len(),
            Space::Global => self.globals.len(),
            Space::Tag | Space::Module | Space::Instance => 0,
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// A type of the module.
    pub(crate) fn func_type(&self, ty: u32) -> Result<&FuncType, Error> {
        let ty = self.types.get(ty as usize).and_then(Option::as_ref);
        ty.ok_or_else(|| Error::Lost("a type".to_owned()))
    }

    /// The type of a function.
    pub(crate) fn type_of(&self, func: u32) -> Result<&FuncType, Error> {
        let ty = self.funcs.get(func as usize);
        self.func_type(*ty.ok_or_else(|| Error::Lost(format!("function {func}")))?)
    }

    /// What a global begins with, unless it is imported.
    pub(crate) fn init(&self, global: u32) -> Option<&ConstExpr<'a>> {
        self.inits.get(global.checked_sub(self.imported(Space::Global))? as usize)
    }

    /// The code of a function, unless it is imported.
    pub(crate) fn body(&self, func: u32) -> Option<&FunctionBody<'a>> {
        self.bodies.get(func.checked_sub(self.imported(Space::Func))? as usize)
    }
}
