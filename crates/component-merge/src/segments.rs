//! Writes the segments of the merged module, and the start function that does what happens to the members in order.

use wasm_encoder::{
    CodeSection, DataSection, ElementMode, ElementSection, ElementSegment, Elements, Function,
    FunctionSection, Instruction, reencode::Reencode,
};
use wasmparser::{Data, DataKind, Element, ElementItems, ElementKind, FuncType};

use crate::{
    Error,
    emit::{Writer, index},
    module::Space,
};

impl<'a> Writer<'_, '_, 'a> {
    pub(crate) fn element_section(&mut self) -> Result<ElementSection, Error> {
        let mut section = ElementSection::new();
        let group = self.group;
        for (position, member) in group.enumerate() {
            self.member = position;
            for element in &member.module.elements {
                let elements = self.items(&element.items)?;
                match &element.kind {
                    ElementKind::Active { table_index, offset_expr } if position < self.by_code => {
                        let table = self.renumber(Space::Table, table_index.unwrap_or(0))?;
                        let offset = self.const_expr(offset_expr.clone())?;
                        let table = (table != 0).then_some(table);
                        section.segment(ElementSegment {
                            mode: ElementMode::Active { table, offset: &offset },
                            elements,
                        });
                    }
                    ElementKind::Active { .. } | ElementKind::Passive => {
                        section.passive(elements);
                    }
                    ElementKind::Declared => {
                        section.declared(elements);
                    }
                }
            }
        }
        let referred = self.facts.referred.iter().filter_map(|func| self.number(Space::Func, *func).ok());
        let referred: Vec<u32> = referred.collect();
        if !referred.is_empty() {
            section.declared(Elements::Functions(referred.into()));
        }
        Ok(section)
    }

    fn items(&mut self, items: &ElementItems<'_>) -> Result<Elements<'static>, Error> {
        Ok(match items {
            ElementItems::Functions(section) => {
                let mut funcs = Vec::new();
                for func in section.clone() {
                    funcs.push(self.renumber(Space::Func, func?)?);
                }
                Elements::Functions(funcs.into())
            }
            ElementItems::Expressions(ty, section) => {
                let mut expressions = Vec::new();
                for expression in section.clone() {
                    expressions.push(self.const_expr(expression?)?);
                }
                Elements::Expressions(self.ref_type(*ty)?, expressions.into())
            }
        })
    }

    pub(crate) fn data_section(&mut self) -> Result<DataSection, Error> {
        let mut section = DataSection::new();
        let group = self.group;
        for (position, member) in group.enumerate() {
            self.member = position;
            for data in &member.module.data {
                match &data.kind {
                    DataKind::Active { memory_index, offset_expr } if position < self.by_code => {
                        let memory = self.renumber(Space::Memory, *memory_index)?;
                        let offset = self.const_expr(offset_expr.clone())?;
                        section.active(memory, &offset, data.data.iter().copied());
                    }
                    _ => {
                        section.passive(data.data.iter().copied());
                    }
                }
            }
        }
        Ok(section)
    }

    /// The start function, when a member has one: it does what happens to the members one after the other.
    pub(crate) fn start(
        &mut self,
        functions: &mut FunctionSection,
        code: &mut CodeSection,
    ) -> Result<Option<u32>, Error> {
        let group = self.group;
        let mut function = Function::new([]);
        let mut only = None;
        let mut steps = 0;
        for (position, member) in group.enumerate().skip(self.by_code.saturating_sub(1)) {
            self.member = position;
            if position >= self.by_code {
                for (at, element) in (self.elements[position]..).zip(&member.module.elements) {
                    steps += usize::from(self.write_element(&mut function, at, element)?);
                }
                for (at, data) in (self.data[position]..).zip(&member.module.data) {
                    steps += usize::from(self.write_data(&mut function, at, data)?);
                }
            }
            if let Some(start) = member.module.start {
                let start = self.renumber(Space::Func, start)?;
                function.instruction(&Instruction::Call(start));
                only = Some(start);
                steps += 1;
            }
        }
        if steps <= 1 {
            return Ok(only);
        }
        function.instruction(&Instruction::End);
        functions.function(self.types.number(&FuncType::new([], [])));
        code.function(&function);
        let imported = self.group.imports.iter().filter(|import| import.space == Space::Func).count();
        Ok(Some(index(imported) + code.len() - 1))
    }

    /// Does what an active segment does by itself.
    fn write_element(
        &mut self,
        function: &mut Function,
        at: u32,
        element: &Element<'a>,
    ) -> Result<bool, Error> {
        let ElementKind::Active { table_index, offset_expr } = &element.kind else { return Ok(false) };
        let count = match &element.items {
            ElementItems::Functions(section) => section.count(),
            ElementItems::Expressions(_, section) => section.count(),
        };
        function.raw(self.const_bytes(offset_expr)?);
        function
            .instruction(&Instruction::I32Const(0))
            .instruction(&Instruction::I32Const(count.cast_signed()));
        let table = self.renumber(Space::Table, table_index.unwrap_or(0))?;
        function.instruction(&Instruction::TableInit { elem_index: at, table });
        function.instruction(&Instruction::ElemDrop(at));
        Ok(true)
    }

    fn write_data(&mut self, function: &mut Function, at: u32, data: &Data<'a>) -> Result<bool, Error> {
        let DataKind::Active { memory_index, offset_expr } = &data.kind else { return Ok(false) };
        function.raw(self.const_bytes(offset_expr)?);
        let count = index(data.data.len()).cast_signed();
        function.instruction(&Instruction::I32Const(0)).instruction(&Instruction::I32Const(count));
        let mem = self.renumber(Space::Memory, *memory_index)?;
        function.instruction(&Instruction::MemoryInit { mem, data_index: at });
        function.instruction(&Instruction::DataDrop(at));
        Ok(true)
    }
}
