//! A component as a list of definitions, and where each core thing in it comes from.

use std::{borrow::Cow, collections::HashMap};

use wasm_encoder::{
    CanonicalFunctionSection, ComponentAliasSection, ComponentExportSection, ComponentInstanceSection,
    ComponentTypeSection, InstanceSection,
    reencode::{self, Reencode, ReencodeComponent},
};
use wasmparser::{
    CanonicalFunction, Chunk, ComponentAlias, ComponentExport, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentStartFunction, ComponentType, ComponentTypeRef, Instance, Parser,
    Payload,
};

use crate::{
    Error,
    module::{Module, PerSpace, Space},
};

/// A component.
pub(crate) struct Component<'a> {
    /// Its definitions, in order.
    pub(crate) items: Vec<Item<'a>>,
    /// Core modules; `None` is one that is imported or an alias.
    pub(crate) modules: Vec<Option<Defined<'a>>>,
    /// Core instances.
    pub(crate) instances: Vec<CoreInstance<'a>>,
    /// For each thing in a core index space, the export of an instance that it is an alias of.
    aliases: PerSpace<Vec<Option<(u32, &'a str)>>>,
}

/// A core module that is defined in the component.
pub(crate) struct Defined<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) module: Module<'a>,
}

/// A core instance.
pub(crate) enum CoreInstance<'a> {
    /// Of a module, with an instance for each module name that it imports from.
    Module { module: u32, arguments: HashMap<&'a str, u32> },
    /// Things that were put together.
    Exports(HashMap<&'a str, (Space, u32)>),
}

/// A definition.
pub(crate) struct Item<'a> {
    pub(crate) kind: Kind<'a>,
    /// What it refers to in the core index spaces and those of modules and instances.
    pub(crate) refers: Vec<(Space, u32)>,
    /// What it is in these index spaces.
    pub(crate) defines: Option<(Space, u32)>,
}

/// What is defined.
pub(crate) enum Kind<'a> {
    Module,
    CoreInstance(Instance<'a>),
    Alias(ComponentAlias<'a>),
    Canon(CanonicalFunction),
    Type(ComponentType<'a>),
    Instance(ComponentInstance<'a>),
    Export(ComponentExport<'a>),
    Start(ComponentStartFunction),
    /// A nested component.
    Component(Cow<'a, [u8]>),
    /// A section that refers to nothing whose index changes. Its modules are in the place of `defines`.
    Section {
        id: u8,
        bytes: &'a [u8],
        modules: Vec<u32>,
    },
}

/// A core thing that is not defined by a module that one looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outside<'a> {
    /// Defined by the component itself: a lowered function, for instance.
    Item(Space, u32),
    /// An export of an instance.
    Export(Space, u32, &'a str),
}

/// Where a core thing comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin<'a> {
    /// The module of an instance defines it, at this index.
    Module {
        instance: u32,
        index: u32,
    },
    Outside(Outside<'a>),
}

impl<'a> Component<'a> {
    /// Reads a valid component.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut component = Self {
            items: Vec::new(),
            modules: Vec::new(),
            instances: Vec::new(),
            aliases: PerSpace::default(),
        };
        let mut parser = Parser::new(0);
        let mut at = 0;
        while at < bytes.len() {
            let Chunk::Parsed { consumed, payload } = parser.parse(&bytes[at..], true)? else { break };
            at += consumed;
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    let bytes = &bytes[unchecked_range.clone()];
                    at = unchecked_range.end;
                    component.modules.push(Some(Defined { bytes, module: Module::parse(bytes)? }));
                    component.add(Kind::Module, component.last_module())?;
                }
                Payload::ComponentSection { unchecked_range, .. } => {
                    at = unchecked_range.end;
                    component.add(Kind::Component(Cow::Borrowed(&bytes[unchecked_range])), None)?;
                }
                payload => component.add_section(payload, bytes)?,
            }
        }
        Ok(component)
    }

    fn add_section(&mut self, payload: Payload<'a>, bytes: &'a [u8]) -> Result<(), Error> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section {
                    let instance = instance?;
                    let index = self.add_instance(&instance);
                    self.add(Kind::CoreInstance(instance), Some((Space::Instance, index)))?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    let alias = alias?;
                    let defines = self.add_alias(&alias)?;
                    self.add(Kind::Alias(alias), defines)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for func in section {
                    let func = func?;
                    let lifts = matches!(func, CanonicalFunction::Lift { .. });
                    let defines = (!lifts).then(|| self.next(Space::Func, None));
                    self.add(Kind::Canon(func), defines)?;
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    self.add(Kind::Type(ty?), None)?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    self.add(Kind::Instance(instance?), None)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    let module = export.kind == ComponentExternalKind::Module;
                    let defines = if module { self.add_opaque_module() } else { None };
                    self.add(Kind::Export(export), defines)?;
                }
            }
            Payload::ComponentStartSection { start, .. } => self.add(Kind::Start(start), None)?,
            Payload::ComponentImportSection(section) => {
                let mut modules = Vec::new();
                for import in section.clone() {
                    if matches!(import?.ty, ComponentTypeRef::Module(_)) {
                        modules.extend(self.add_opaque_module().map(|(_, index)| index));
                    }
                }
                self.add_raw(&Payload::ComponentImportSection(section), bytes, modules)?;
            }
            Payload::CoreTypeSection(section) => {
                self.add_raw(&Payload::CoreTypeSection(section), bytes, Vec::new())?;
            }
            // Names are of indices that change; producers and the like describe what no longer is.
            Payload::Version { .. } | Payload::CustomSection(_) | Payload::End(_) => {}
            other => {
                let what = format!("a section that is not known here ({other:?})");
                return Err(Error::Unsupported { place: "the component".to_owned(), what });
            }
        }
        Ok(())
    }

    fn add_raw(&mut self, payload: &Payload<'a>, bytes: &'a [u8], modules: Vec<u32>) -> Result<(), Error> {
        let (id, range) = payload.as_section().ok_or_else(|| Error::Lost("a section".to_owned()))?;
        self.add(Kind::Section { id, bytes: &bytes[range], modules }, None)
    }

    fn add(&mut self, kind: Kind<'a>, defines: Option<(Space, u32)>) -> Result<(), Error> {
        let mut references = References::default();
        encode(&kind, &mut references, &mut wasm_encoder::Component::new())?;
        self.items.push(Item { kind, refers: references.0, defines });
        Ok(())
    }

    fn next(&mut self, space: Space, alias: Option<(u32, &'a str)>) -> (Space, u32) {
        self.aliases[space].push(alias);
        (space, u32::try_from(self.aliases[space].len() - 1).unwrap_or(u32::MAX))
    }

    fn last_module(&self) -> Option<(Space, u32)> {
        Some((Space::Module, u32::try_from(self.modules.len() - 1).unwrap_or(u32::MAX)))
    }

    fn add_opaque_module(&mut self) -> Option<(Space, u32)> {
        self.modules.push(None);
        self.last_module()
    }

    fn add_instance(&mut self, instance: &Instance<'a>) -> u32 {
        self.instances.push(match instance {
            Instance::Instantiate { module_index, args } => CoreInstance::Module {
                module: *module_index,
                arguments: args.iter().map(|argument| (argument.name, argument.index)).collect(),
            },
            Instance::FromExports(exports) => CoreInstance::Exports(
                exports.iter().map(|export| (export.name, (export.kind.into(), export.index))).collect(),
            ),
        });
        u32::try_from(self.instances.len() - 1).unwrap_or(u32::MAX)
    }

    fn add_alias(&mut self, alias: &ComponentAlias<'a>) -> Result<Option<(Space, u32)>, Error> {
        Ok(match alias {
            ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                Some(self.next((*kind).into(), Some((*instance_index, name))))
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. } => {
                self.add_opaque_module()
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => {
                // The module's index would change with what is merged in the component around this one.
                let (place, what) =
                    ("a nested component".to_owned(), "a module of the one around it".to_owned());
                return Err(Error::Unsupported { place, what });
            }
            ComponentAlias::InstanceExport { .. } | ComponentAlias::Outer { .. } => None,
        })
    }

    /// The components in this one.
    pub(crate) fn nested_mut(&mut self) -> impl Iterator<Item = &mut Cow<'a, [u8]>> {
        self.items.iter_mut().filter_map(|item| match &mut item.kind {
            Kind::Component(bytes) => Some(bytes),
            _ => None,
        })
    }

    /// The module of an instance, where it is defined in the component.
    pub(crate) fn module_of(&self, instance: u32) -> Option<&Defined<'a>> {
        match self.instances.get(instance as usize)? {
            CoreInstance::Module { module, .. } => self.modules.get(*module as usize)?.as_ref(),
            CoreInstance::Exports(_) => None,
        }
    }

    /// Where something in an index space of the component comes from. Only modules of instances that are `open` are
    /// looked into.
    pub(crate) fn origin(
        &self,
        space: Space,
        index: u32,
        open: &dyn Fn(u32) -> bool,
    ) -> Result<Origin<'a>, Error> {
        match self.aliases[space].get(index as usize) {
            Some(Some((instance, name))) => self.origin_of_export(space, *instance, name, open),
            Some(None) => Ok(Origin::Outside(Outside::Item(space, index))),
            None => Err(Error::Lost(format!("{space:?} {index}"))),
        }
    }

    /// Where an export of an instance comes from.
    pub(crate) fn origin_of_export(
        &self,
        space: Space,
        instance: u32,
        name: &'a str,
        open: &dyn Fn(u32) -> bool,
    ) -> Result<Origin<'a>, Error> {
        let lost = || Error::Lost(format!("export {name} of core instance {instance}"));
        match self.instances.get(instance as usize).ok_or_else(lost)? {
            CoreInstance::Exports(exports) => {
                let (space, index) = exports.get(name).ok_or_else(lost)?;
                self.origin(*space, *index, open)
            }
            CoreInstance::Module { .. } => match self.module_of(instance) {
                Some(Defined { module, .. }) if open(instance) => {
                    let (space, index) = module.exports.get(name).ok_or_else(lost)?;
                    self.origin_in(*space, instance, *index, open)
                }
                _ => Ok(Origin::Outside(Outside::Export(space, instance, name))),
            },
        }
    }

    /// Where something in an index space of an instance's module comes from.
    pub(crate) fn origin_in(
        &self,
        space: Space,
        instance: u32,
        index: u32,
        open: &dyn Fn(u32) -> bool,
    ) -> Result<Origin<'a>, Error> {
        let lost = || Error::Lost(format!("{space:?} {index} of core instance {instance}"));
        let Some(import) = self.module_of(instance).ok_or_else(lost)?.module.import(space, index) else {
            return Ok(Origin::Module { instance, index });
        };
        let Some(CoreInstance::Module { arguments, .. }) = self.instances.get(instance as usize) else {
            return Err(lost());
        };
        let argument = arguments.get(import.module).ok_or_else(lost)?;
        self.origin_of_export(space, *argument, import.name, open)
    }
}

/// Writes a definition, its indices changed as `reencoder` says. Modules are not written.
pub(crate) fn encode<R: ReencodeComponent<Error = Error>>(
    kind: &Kind<'_>,
    reencoder: &mut R,
    component: &mut wasm_encoder::Component,
) -> Result<(), Error> {
    match kind {
        Kind::Module => {}
        Kind::CoreInstance(instance) => {
            let mut section = InstanceSection::new();
            reencoder.parse_instance(&mut section, instance.clone())?;
            component.section(&section);
        }
        Kind::Alias(alias) => {
            let mut section = ComponentAliasSection::new();
            section.alias(reencoder.component_alias(alias.clone())?);
            component.section(&section);
        }
        Kind::Canon(func) => {
            let mut section = CanonicalFunctionSection::new();
            reencoder.parse_component_canonical(&mut section, func.clone())?;
            component.section(&section);
        }
        Kind::Type(ty) => {
            let mut section = ComponentTypeSection::new();
            reencoder.parse_component_type(section.ty(), ty.clone())?;
            component.section(&section);
        }
        Kind::Instance(instance) => {
            let mut section = ComponentInstanceSection::new();
            reencoder.parse_component_instance(&mut section, instance.clone())?;
            component.section(&section);
        }
        Kind::Export(export) => {
            let mut section = ComponentExportSection::new();
            reencoder.parse_component_export(&mut section, export.clone())?;
            component.section(&section);
        }
        Kind::Start(start) => reencoder.parse_component_start_section(component, start.clone())?,
        Kind::Component(bytes) => {
            let id = wasm_encoder::ComponentSectionId::Component as u8;
            component.section(&wasm_encoder::RawSection { id, data: bytes });
        }
        Kind::Section { id, bytes, .. } => {
            component.section(&wasm_encoder::RawSection { id: *id, data: bytes });
        }
    }
    Ok(())
}

/// Notes what a definition refers to.
#[derive(Default)]
struct References(Vec<(Space, u32)>);

impl References {
    fn note(&mut self, space: Space, index: u32) -> u32 {
        self.0.push((space, index));
        index
    }
}

impl Reencode for References {
    type Error = Error;

    fn function_index(&mut self, func: u32) -> Result<u32, reencode::Error<Error>> {
        Ok(self.note(Space::Func, func))
    }

    fn table_index(&mut self, table: u32) -> Result<u32, reencode::Error<Error>> {
        Ok(self.note(Space::Table, table))
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error<Error>> {
        Ok(self.note(Space::Memory, memory))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error<Error>> {
        Ok(self.note(Space::Global, global))
    }

    fn tag_index(&mut self, tag: u32) -> Result<u32, reencode::Error<Error>> {
        Ok(self.note(Space::Tag, tag))
    }
}

impl ReencodeComponent for References {
    fn module_index(&mut self, module: u32) -> u32 {
        self.note(Space::Module, module)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        self.note(Space::Instance, instance)
    }

    // A module of the component around this one is none of its own.
    fn outer_module_index(&mut self, _count: u32, module: u32) -> u32 {
        module
    }
}
