//! Which core instances of a component become one.

use std::collections::HashSet;

use wasmparser::{ComponentInstance, DataKind, ElementKind};

use crate::{
    Error,
    component::{Component, CoreInstance, Defined, Item, Kind, Origin, Outside},
    module::{Module, PerSpace, Space},
};

/// What is merged, and what that means for the component's other definitions.
pub(crate) struct Plan {
    /// The core instances that become one, in order.
    pub(crate) members: Vec<u32>,
    /// For each definition whether it needs the merged instance, or must not be earlier than that.
    pub(crate) late: Vec<bool>,
    /// The definition in whose place the merged instance is: that of the last member.
    pub(crate) position: usize,
}

impl Plan {
    /// Whether an instance is merged with others.
    pub(crate) fn has(&self, instance: u32) -> bool {
        self.members.binary_search(&instance).is_ok()
    }
}

/// The largest set that can be found, or nothing when there is nothing to merge.
pub(crate) fn choose(component: &Component<'_>) -> Result<Option<Plan>, Error> {
    let mut best = None;
    let mut best_size = 0;
    let mut seen: HashSet<u32> = HashSet::new();
    // A set that begins with a module of little use can keep the others out: one whose function destroys a resource
    // comes before the resource's type, and that before functions that handle it.
    for (first, instance) in component.items.iter().enumerate().filter_map(|(at, item)| {
        let (Space::Instance, instance) = item.defines? else { return None };
        Some((at, instance))
    }) {
        if seen.contains(&instance) {
            continue;
        }
        let plan = Search::new(component, first)?.run()?;
        seen.extend(&plan.members);
        let defined = plan.members.iter().filter_map(|member| component.module_of(*member));
        let size: usize = defined.map(|defined| defined.bytes.len()).sum();
        if plan.members.len() > 1 && size > best_size {
            best_size = size;
            best = Some(plan);
        }
    }
    Ok(best)
}

/// What can be seen from outside of when an instance is made.
struct Effects<'a> {
    /// Code runs.
    starts: bool,
    /// Segments are written to these, which others may have, too.
    writes: Vec<Origin<'a>>,
}

impl<'a> Effects<'a> {
    fn of(component: &Component<'a>, instance: u32) -> Result<Self, Error> {
        let Some(Defined { module, .. }) = component.module_of(instance) else {
            return Ok(Self { starts: true, writes: Vec::new() });
        };
        let mut writes = Vec::new();
        let mut write = |space, index| {
            if module.import(space, index).is_some() {
                writes.push(component.origin_in(space, instance, index, &|_| true)?);
            }
            Ok::<_, Error>(())
        };
        for element in &module.elements {
            if let ElementKind::Active { table_index, .. } = element.kind {
                write(Space::Table, table_index.unwrap_or(0))?;
            }
        }
        for data in &module.data {
            if let DataKind::Active { memory_index, .. } = data.kind {
                write(Space::Memory, memory_index)?;
            }
        }
        Ok(Self { starts: module.start.is_some(), writes })
    }

    fn are_none(&self) -> bool {
        !self.starts && self.writes.is_empty()
    }

    /// Whether nobody can tell which of two instances was made first.
    fn commute(&self, other: &Self) -> bool {
        if self.are_none() || other.are_none() {
            return true;
        }
        let apart = |a: &Origin<'a>, b: &Origin<'a>| match (a, b) {
            (Origin::Module { .. }, Origin::Module { .. }) => a != b,
            // What is not looked into may be anything.
            _ => false,
        };
        !self.starts && !other.starts && self.writes.iter().all(|a| other.writes.iter().all(|b| apart(a, b)))
    }
}

/// What a definition has to do with the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    /// Nothing: it can be before the merged instance.
    #[default]
    None,
    /// It names something of the set.
    Name,
    /// It is made of something of the set, and no part of it.
    Late,
}

/// Collects a set, from one definition on.
struct Search<'c, 'a> {
    component: &'c Component<'a>,
    first: usize,
    ties: PerSpace<Vec<Tie>>,
    /// Modules that only one instance uses.
    single: HashSet<u32>,
    members: Vec<u32>,
    effects_of_members: Vec<Effects<'a>>,
    effects_of_late: Vec<Effects<'a>>,
    memories: HashSet<Origin<'a>>,
    closed: bool,
}

impl<'c, 'a> Search<'c, 'a> {
    fn new(component: &'c Component<'a>, first: usize) -> Result<Self, Error> {
        let mut used = HashSet::new();
        let mut twice = HashSet::new();
        for item in &component.items {
            let instantiates = matches!(item.kind, Kind::CoreInstance(_));
            for (_, module) in item.refers.iter().filter(|(space, _)| *space == Space::Module) {
                if !used.insert(*module) || !instantiates {
                    twice.insert(*module);
                }
            }
        }
        let single = used.difference(&twice).copied().collect();
        Ok(Self {
            component,
            first,
            ties: PerSpace::default(),
            single,
            members: Vec::new(),
            effects_of_members: Vec::new(),
            effects_of_late: Vec::new(),
            memories: HashSet::new(),
            closed: false,
        })
    }

    fn run(mut self) -> Result<Plan, Error> {
        let mut late = vec![false; self.component.items.len()];
        let mut position = 0;
        for (at, item) in self.component.items.iter().enumerate() {
            let tie = match item.defines {
                Some((Space::Instance, instance)) if self.is_module(instance) => {
                    if at >= self.first && !self.closed && self.joins(instance)? {
                        position = at;
                        Tie::None
                    } else {
                        self.stays_out(instance, item)?
                    }
                }
                _ => self.tie(item),
            };
            late[at] = tie > Tie::None;
            // Definitions of the component's own would change their order, and with it what others call them.
            self.closed |= late[at] && !is_core(item) || is_made(item) && !self.members.is_empty();
            self.set_tie(item, tie);
        }
        // Nothing before the first member is tied to it, and what is after the last one stays where it is.
        Ok(Plan { members: self.members, late, position })
    }

    fn is_module(&self, instance: u32) -> bool {
        matches!(self.component.instances.get(instance as usize), Some(CoreInstance::Module { .. }))
    }

    fn is_member(&self, instance: u32) -> bool {
        self.members.binary_search(&instance).is_ok()
    }

    fn tie_of(&self, space: Space, index: u32) -> Tie {
        if space == Space::Instance && self.is_member(index) {
            return Tie::Name;
        }
        self.ties[space].get(index as usize).copied().unwrap_or_default()
    }

    fn set_tie(&mut self, item: &Item<'a>, tie: Tie) {
        if let Some((space, index)) = item.defines {
            let ties = &mut self.ties[space];
            ties.resize(ties.len().max(index as usize + 1), Tie::None);
            ties[index as usize] = tie;
        }
    }

    /// The tie of what is no instance of a module.
    fn tie(&self, item: &Item<'a>) -> Tie {
        let tied = item.refers.iter().any(|(space, index)| self.tie_of(*space, *index) > Tie::None);
        let names = matches!(item.kind, Kind::Alias(_) | Kind::CoreInstance(_));
        match (tied, names) {
            (false, _) => Tie::None,
            (true, true) => Tie::Name,
            (true, false) => Tie::Late,
        }
    }

    /// The tie of an instance that is not a member.
    fn stays_out(&mut self, instance: u32, item: &Item<'a>) -> Result<Tie, Error> {
        let tied = item.refers.iter().any(|(space, index)| self.tie_of(*space, *index) > Tie::None);
        let effects = Effects::of(self.component, instance)?;
        let early = !tied
            && self
                .effects_of_members
                .iter()
                .chain(&self.effects_of_late)
                .all(|other| effects.commute(other));
        if early {
            return Ok(Tie::None);
        }
        self.effects_of_late.push(effects);
        Ok(Tie::Late)
    }

    /// Makes an instance a member, if it can be.
    fn joins(&mut self, instance: u32) -> Result<bool, Error> {
        let Some(CoreInstance::Module { module: index, .. }) =
            self.component.instances.get(instance as usize)
        else {
            return Ok(false);
        };
        let Some(Defined { module, .. }) = self.component.module_of(instance) else { return Ok(false) };
        if !self.single.contains(index) || !self.is_linkable(instance, module)? {
            return Ok(false);
        }
        let effects = Effects::of(self.component, instance)?;
        if !self.effects_of_late.iter().all(|other| effects.commute(other)) {
            return Ok(false);
        }
        self.members.push(instance);
        let open = |other: u32| self.members.binary_search(&other).is_ok();
        let mut memories = self.memories.clone();
        for memory in 0..module.count(Space::Memory) {
            memories.insert(self.component.origin_in(Space::Memory, instance, memory, &open)?);
        }
        if memories.len() > 1 {
            self.members.pop();
            return Ok(false);
        }
        if let Some(what) = module.foreign {
            let place = format!("core instance {instance}");
            return Err(Error::Unsupported { place, what: what.to_owned() });
        }
        self.memories = memories;
        self.effects_of_members.push(effects);
        Ok(true)
    }

    /// Whether all imports are there before the merged instance, or in it.
    fn is_linkable(&self, instance: u32, module: &Module<'a>) -> Result<bool, Error> {
        let Some(CoreInstance::Module { arguments, .. }) = self.component.instances.get(instance as usize)
        else {
            return Ok(false);
        };
        for (space, import) in module.imports() {
            let argument = arguments
                .get(import.module)
                .ok_or_else(|| Error::Lost(format!("{} of core instance {instance}", import.module)))?;
            let open = |other: u32| self.is_member(other);
            let tie = match self.component.origin_of_export(space, *argument, import.name, &open)? {
                Origin::Module { .. } => Tie::None,
                Origin::Outside(Outside::Item(space, index)) => self.tie_of(space, index),
                Origin::Outside(Outside::Export(_, instance, _)) => self.tie_of(Space::Instance, instance),
            };
            if tie == Tie::Late {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether something is in the core index spaces only, so that it can change its place.
fn is_core(item: &Item<'_>) -> bool {
    let in_core = item.defines.is_some_and(|(space, _)| space != Space::Module);
    in_core && matches!(item.kind, Kind::CoreInstance(_) | Kind::Alias(_) | Kind::Canon(_))
}

/// Whether something runs code of which nothing is known here.
fn is_made(item: &Item<'_>) -> bool {
    matches!(item.kind, Kind::Start(_) | Kind::Instance(ComponentInstance::Instantiate { .. }))
}
