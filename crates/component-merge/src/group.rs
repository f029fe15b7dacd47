//! The core instances that become one, and what each index in their modules stands for.

use std::collections::HashMap;

use crate::{
    Error,
    component::{Component, Origin, Outside},
    module::{Module, PerSpace, Space},
    plan::Plan,
};

/// The set, linked.
pub(crate) struct Group<'c, 'a> {
    pub(crate) members: Vec<Member<'c, 'a>>,
    /// What the merged module imports.
    pub(crate) imports: Vec<Import<'a>>,
    /// What others need of the set: an instance, the name of its export, and what that is.
    pub(crate) exports: Vec<(u32, &'a str, Space, Target)>,
}

/// One instance of the set.
pub(crate) struct Member<'c, 'a> {
    pub(crate) module: &'c Module<'a>,
    targets: PerSpace<Vec<Target>>,
}

/// What the merged module imports.
pub(crate) struct Import<'a> {
    pub(crate) outside: Outside<'a>,
    pub(crate) space: Space,
    /// Members that import it, and the index that it has there.
    pub(crate) users: Vec<(usize, u32)>,
}

/// What an index in a member stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// The merged module imports it; a position in its imports.
    Import(usize),
    /// A member defines it, at this index of its module.
    Own { member: usize, index: u32 },
}

impl<'c, 'a> Group<'c, 'a> {
    /// Links what `plan` merges. `exports` are instances of the set and names of their exports that others need.
    pub(crate) fn link(
        component: &'c Component<'a>,
        plan: &Plan,
        exports: &[(u32, &'a str, Space)],
    ) -> Result<Self, Error> {
        let mut linker = Linker { component, plan, imports: Vec::new(), positions: HashMap::new() };
        let mut members = Vec::new();
        for (position, instance) in plan.members.iter().enumerate() {
            let lost = || Error::Lost(format!("the module of core instance {instance}"));
            let module = &component.module_of(*instance).ok_or_else(lost)?.module;
            let mut targets: PerSpace<Vec<Target>> = PerSpace::default();
            for space in [Space::Func, Space::Table, Space::Memory, Space::Global] {
                for index in 0..module.count(space) {
                    let target = if index < module.imported(space) {
                        linker.target(space, position, *instance, index)?
                    } else {
                        Target::Own { member: position, index }
                    };
                    targets[space].push(target);
                }
            }
            members.push(Member { module, targets });
        }
        let mut exported = Vec::new();
        for (instance, name, space) in exports {
            let open = |other: u32| plan.has(other);
            let origin = component.origin_of_export(*space, *instance, name, &open)?;
            exported.push((*instance, *name, *space, linker.found(*space, origin)?));
        }
        Ok(Self { members, imports: linker.imports, exports: exported })
    }

    /// What an index in a member stands for.
    pub(crate) fn target(&self, member: usize, space: Space, index: u32) -> Result<Target, Error> {
        let targets = self.members.get(member).map(|member| &member.targets[space]);
        let target = targets.and_then(|targets| targets.get(index as usize)).copied();
        target.ok_or_else(|| Error::Lost(format!("{space:?} {index}")))
    }

    /// The members with their positions.
    pub(crate) fn enumerate(&self) -> impl Iterator<Item = (usize, &Member<'c, 'a>)> {
        self.members.iter().enumerate()
    }
}

impl<'a> Member<'_, 'a> {
    /// Indices of what the module defines itself.
    pub(crate) fn own(&self, space: Space) -> std::ops::Range<u32> {
        self.module.imported(space)..self.module.count(space)
    }
}

/// What the members import from elsewhere, as far as it is known.
pub(crate) struct Linker<'c, 'a> {
    component: &'c Component<'a>,
    plan: &'c Plan,
    imports: Vec<Import<'a>>,
    positions: HashMap<Outside<'a>, usize>,
}

impl<'a> Linker<'_, 'a> {
    fn target(&mut self, space: Space, member: usize, instance: u32, index: u32) -> Result<Target, Error> {
        let origin = self.component.origin_in(space, instance, index, &|other| self.plan.has(other))?;
        let Origin::Outside(outside) = origin else { return self.found(space, origin) };
        let position = *self.positions.entry(outside).or_insert_with(|| {
            self.imports.push(Import { outside, space, users: Vec::new() });
            self.imports.len() - 1
        });
        self.imports[position].users.push((member, index));
        Ok(Target::Import(position))
    }

    fn found(&self, space: Space, origin: Origin<'a>) -> Result<Target, Error> {
        let lost = || Error::Lost(format!("{space:?} {origin:?}"));
        match origin {
            Origin::Module { instance, index } => {
                let member = self.plan.members.binary_search(&instance).map_err(|_| lost())?;
                Ok(Target::Own { member, index })
            }
            Origin::Outside(outside) => {
                self.positions.get(&outside).map(|position| Target::Import(*position)).ok_or_else(lost)
            }
        }
    }
}
