//! Writes the component again, with the merged module in the place of the others.

use std::collections::{HashMap, HashSet};

use wasm_encoder::{
    Alias, ComponentAliasSection, ComponentSectionId, ExportKind, InstanceSection, ModuleArg, RawSection,
    reencode::{self, Reencode, ReencodeComponent},
};
use wasmparser::{CanonicalFunction, ComponentAlias, Instance};

use crate::{
    Error,
    component::{Component, CoreInstance, Item, Kind, Origin, Outside, encode},
    emit::{self, IMPORTS, export_name},
    group::Group,
    module::{PerSpace, Space},
    plan::Plan,
};

/// The component after `plan`, and with its nested components as they are now.
pub(crate) fn rewrite(component: &Component<'_>, plan: Option<&Plan>) -> Result<Vec<u8>, Error> {
    let mut writer = Writer {
        component,
        plan,
        output: wasm_encoder::Component::new(),
        numbers: PerSpace::default(),
        next: PerSpace::default(),
        merged: u32::MAX,
    };
    writer.write()?;
    Ok(writer.output.finish())
}

struct Writer<'c, 'a> {
    component: &'c Component<'a>,
    plan: Option<&'c Plan>,
    output: wasm_encoder::Component,
    /// The new index of everything that is written.
    numbers: PerSpace<HashMap<u32, u32>>,
    next: PerSpace<u32>,
    /// The merged instance, once it is written.
    merged: u32,
}

impl<'a> Writer<'_, 'a> {
    fn write(&mut self) -> Result<(), Error> {
        let (component, plan) = (self.component, self.plan);
        let needed = self.needed()?;
        let exports = self.exports(&needed)?;
        let group = match plan {
            Some(plan) => Some(Group::link(component, plan, &exports)?),
            None => None,
        };
        let needed = |at: usize| needed.contains(&at);
        let position = plan.map_or(0, |plan| plan.position);
        let is_late = |at: usize| plan.is_some_and(|plan| at < position && plan.late[at]);
        let mut later = Vec::new();
        for (at, item) in component.items.iter().enumerate() {
            if let Some(group) = &group
                && at == position
            {
                self.write_merged(group)?;
                for item in later.drain(..) {
                    self.write_item(item)?;
                }
            } else if !needed(at) || self.is_gone(item) {
                continue;
            } else if is_late(at) {
                later.push(item);
            } else {
                self.write_item(item)?;
            }
        }
        Ok(())
    }

    fn is_member(&self, instance: u32) -> bool {
        self.plan.is_some_and(|plan| plan.has(instance))
    }

    /// Whether a definition is a part of the merged module.
    fn is_gone(&self, item: &Item<'a>) -> bool {
        match item.defines {
            Some((Space::Instance, instance)) => self.is_member(instance),
            Some((Space::Module, module)) => self.plan.is_some_and(|plan| {
                let members = plan.members.iter();
                let mut modules = members.filter_map(|member| self.component.instances.get(*member as usize));
                modules.any(
                    |instance| matches!(instance, CoreInstance::Module { module: of, .. } if *of == module),
                )
            }),
            _ => false,
        }
    }

    /// Positions of the definitions that are not only there for the members.
    fn needed(&self) -> Result<HashSet<usize>, Error> {
        let mut needed = HashSet::new();
        let mut referred: HashSet<(Space, u32)> = HashSet::new();
        for (at, item) in self.component.items.iter().enumerate().rev() {
            match item.defines {
                Some((Space::Instance, instance)) if self.is_member(instance) => {
                    referred.extend(self.imports(instance)?);
                }
                Some(defined) if is_removable(item) && !referred.contains(&defined) => {}
                _ => {
                    needed.insert(at);
                    referred.extend(&item.refers);
                }
            }
        }
        Ok(needed)
    }

    /// What a member needs of the definitions outside of the set.
    fn imports(&self, instance: u32) -> Result<Vec<(Space, u32)>, Error> {
        let Some(defined) = self.component.module_of(instance) else { return Ok(Vec::new()) };
        let mut imports = Vec::new();
        for space in [Space::Func, Space::Table, Space::Memory, Space::Global] {
            for index in 0..defined.module.imported(space) {
                match self.component.origin_in(space, instance, index, &|other| self.is_member(other))? {
                    Origin::Module { .. } => {}
                    Origin::Outside(Outside::Item(space, index)) => imports.push((space, index)),
                    Origin::Outside(Outside::Export(_, instance, _)) => {
                        imports.push((Space::Instance, instance))
                    }
                }
            }
        }
        Ok(imports)
    }

    /// Exports of members that others need: an instance, a name, and what that is.
    fn exports(&self, needed: &HashSet<usize>) -> Result<Vec<(u32, &'a str, Space)>, Error> {
        let mut exports = Vec::new();
        let mut seen = HashSet::new();
        let mut export = |instance, name: &'a str, space| {
            if self.is_member(instance) && seen.insert((instance, name)) {
                exports.push((instance, name, space));
            }
        };
        for (_, item) in self.component.items.iter().enumerate().filter(|(at, _)| needed.contains(at)) {
            match &item.kind {
                Kind::Alias(ComponentAlias::CoreInstanceExport { kind, instance_index, name }) => {
                    export(*instance_index, name, (*kind).into());
                }
                Kind::CoreInstance(Instance::Instantiate { module_index, args }) => {
                    for argument in args {
                        for (name, space) in self.asked(*module_index, argument.name, argument.index)? {
                            export(argument.index, name, space);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(exports)
    }

    /// What a module imports of one instance that is merged.
    fn asked(&self, module: u32, from: &str, instance: u32) -> Result<Vec<(&'a str, Space)>, Error> {
        if !self.is_member(instance) {
            return Ok(Vec::new());
        }
        let Some(Some(defined)) = self.component.modules.get(module as usize) else {
            // What is not defined here may import anything.
            let member = self.component.module_of(instance);
            let exports = member.into_iter().flat_map(|defined| &defined.module.exports);
            let mut exports: Vec<_> = exports.map(|(name, (space, _))| (*name, *space)).collect();
            exports.sort_unstable_by_key(|(name, _)| *name);
            return Ok(exports);
        };
        let mut seen = HashSet::new();
        let imports = defined.module.imports().filter(|(_, import)| import.module == from);
        Ok(imports
            .filter(|(_, import)| seen.insert(import.name))
            .map(|(space, import)| (import.name, space))
            .collect())
    }

    fn define(&mut self, space: Space, old: Option<u32>) -> u32 {
        let new = self.next[space];
        self.next[space] += 1;
        if let Some(old) = old {
            self.numbers[space].insert(old, new);
        }
        new
    }

    fn number(&self, space: Space, old: u32) -> Result<u32, Error> {
        let number = self.numbers[space].get(&old).copied();
        number.ok_or_else(|| Error::Lost(format!("{space:?} {old} of the component")))
    }

    /// An alias of an export of an instance, which has its new index.
    fn alias(&mut self, space: Space, instance: u32, name: &str, old: Option<u32>) -> Result<u32, Error> {
        let mut section = ComponentAliasSection::new();
        section.alias(Alias::CoreInstanceExport { instance, kind: export_kind(space)?, name });
        self.output.section(&section);
        Ok(self.define(space, old))
    }

    fn instance(&mut self, exports: &[(String, ExportKind, u32)]) -> u32 {
        let mut section = InstanceSection::new();
        section.export_items(exports.iter().map(|(name, kind, index)| (name.as_str(), *kind, *index)));
        self.output.section(&section);
        self.define(Space::Instance, None)
    }

    fn write_merged(&mut self, group: &Group<'_, 'a>) -> Result<(), Error> {
        let mut imports = Vec::new();
        for (position, import) in group.imports.iter().enumerate() {
            let index = match import.outside {
                Outside::Item(space, index) => self.number(space, index)?,
                Outside::Export(space, instance, name) => {
                    let instance = self.number(Space::Instance, instance)?;
                    self.alias(space, instance, name, None)?
                }
            };
            imports.push((position.to_string(), export_kind(import.space)?, index));
        }
        let module = emit::emit(group)?;
        self.output.section(&RawSection { id: ComponentSectionId::CoreModule as u8, data: &module });
        let module = self.define(Space::Module, None);
        let arguments = if imports.is_empty() {
            Vec::new()
        } else {
            vec![(IMPORTS, ModuleArg::Instance(self.instance(&imports)))]
        };
        let mut section = InstanceSection::new();
        section.instantiate(module, arguments);
        self.output.section(&section);
        self.merged = self.define(Space::Instance, None);
        Ok(())
    }

    fn write_item(&mut self, item: &Item<'a>) -> Result<(), Error> {
        match (&item.kind, item.defines) {
            (Kind::Module, Some((_, module))) => {
                let defined = self.component.modules.get(module as usize).and_then(Option::as_ref);
                let defined = defined.ok_or_else(|| Error::Lost(format!("module {module}")))?;
                let id = ComponentSectionId::CoreModule as u8;
                self.output.section(&RawSection { id, data: defined.bytes });
            }
            (
                Kind::Alias(ComponentAlias::CoreInstanceExport { instance_index, name, .. }),
                Some((space, index)),
            ) if self.is_member(*instance_index) => {
                self.alias(space, self.merged, &export_name(*instance_index, name), Some(index))?;
                return Ok(());
            }
            (Kind::CoreInstance(Instance::Instantiate { module_index, args }), Some((_, index)))
                if args.iter().any(|argument| self.is_member(argument.index)) =>
            {
                let mut arguments = Vec::new();
                for argument in args {
                    let instance = if self.is_member(argument.index) {
                        self.stand_in(*module_index, argument.name, argument.index)?
                    } else {
                        self.number(Space::Instance, argument.index)?
                    };
                    arguments.push((argument.name, ModuleArg::Instance(instance)));
                }
                let mut section = InstanceSection::new();
                section.instantiate(self.number(Space::Module, *module_index)?, arguments);
                self.output.section(&section);
                self.define(Space::Instance, Some(index));
                return Ok(());
            }
            (Kind::Section { modules, .. }, _) => {
                for module in modules {
                    self.define(Space::Module, Some(*module));
                }
            }
            _ => {}
        }
        let mut renumbering = Renumbering { numbers: &self.numbers };
        encode(&item.kind, &mut renumbering, &mut self.output)?;
        if let Some((space, index)) = item.defines {
            self.define(space, Some(index));
        }
        Ok(())
    }

    /// An instance that has what a module imports of one that is merged.
    fn stand_in(&mut self, module: u32, from: &str, instance: u32) -> Result<u32, Error> {
        let mut exports = Vec::new();
        for (name, space) in self.asked(module, from, instance)? {
            let index = self.alias(space, self.merged, &export_name(instance, name), None)?;
            exports.push((name.to_owned(), export_kind(space)?, index));
        }
        Ok(self.instance(&exports))
    }
}

/// Whether something does nothing when nobody refers to it.
fn is_removable(item: &Item<'_>) -> bool {
    match &item.kind {
        Kind::Alias(ComponentAlias::CoreInstanceExport { .. }) => true,
        Kind::CoreInstance(Instance::FromExports(_)) => true,
        Kind::Canon(func) => !matches!(func, CanonicalFunction::Lift { .. }),
        _ => false,
    }
}

fn export_kind(space: Space) -> Result<ExportKind, Error> {
    match space {
        Space::Func => Ok(ExportKind::Func),
        Space::Table => Ok(ExportKind::Table),
        Space::Memory => Ok(ExportKind::Memory),
        Space::Global => Ok(ExportKind::Global),
        Space::Tag => Ok(ExportKind::Tag),
        Space::Module | Space::Instance => Err(Error::Lost("the kind of an export".to_owned())),
    }
}

/// Changes indices to what they are in the new component.
struct Renumbering<'n> {
    numbers: &'n PerSpace<HashMap<u32, u32>>,
}

impl Renumbering<'_> {
    fn number(&self, space: Space, index: u32) -> Result<u32, reencode::Error<Error>> {
        let number = self.numbers[space].get(&index).copied();
        number.ok_or_else(|| {
            reencode::Error::UserError(Error::Lost(format!("{space:?} {index} of the component")))
        })
    }
}

impl Reencode for Renumbering<'_> {
    type Error = Error;

    fn function_index(&mut self, func: u32) -> Result<u32, reencode::Error<Error>> {
        self.number(Space::Func, func)
    }

    fn table_index(&mut self, table: u32) -> Result<u32, reencode::Error<Error>> {
        self.number(Space::Table, table)
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error<Error>> {
        self.number(Space::Memory, memory)
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error<Error>> {
        self.number(Space::Global, global)
    }

    fn tag_index(&mut self, tag: u32) -> Result<u32, reencode::Error<Error>> {
        self.number(Space::Tag, tag)
    }
}

impl ReencodeComponent for Renumbering<'_> {
    // These two cannot fail; what refers to nothing is found when the result is validated.
    fn module_index(&mut self, module: u32) -> u32 {
        self.numbers[Space::Module].get(&module).copied().unwrap_or(u32::MAX)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        self.numbers[Space::Instance].get(&instance).copied().unwrap_or(u32::MAX)
    }
}
