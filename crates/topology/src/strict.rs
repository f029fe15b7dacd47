//! From the located tree to types, strictly: an entry that the type does not name is an error, and all such
//! entries are reported, each at its line. (A wrong type or a missing field ends the reading of its document.)

use std::{cell::RefCell, fmt};

use serde::{
    Deserialize,
    de::{self, DeserializeOwned, IntoDeserializer, MapAccess, SeqAccess, Visitor},
};

use crate::{
    error::Errors,
    node::{Key, Node, Place, Value},
};

/// Reads a document as `T`; on failure the errors say why.
pub(crate) fn read<T: DeserializeOwned>(node: &Node, errors: &mut Errors) -> Option<T> {
    let before = errors.len();
    let unknown = RefCell::new(Vec::new());
    let outcome = T::deserialize(Strict { node, path: Path::Root, unknown: &unknown });
    for (place, message) in unknown.into_inner() {
        errors.at(&place, message);
    }
    match outcome {
        Ok(value) if errors.len() == before => Some(value),
        Ok(_) => None,
        Err(Mismatch { place, message }) => {
            errors.at(&place.unwrap_or_else(|| node.at.clone()), message);
            None
        }
    }
}

/// A value together with the place where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) at: Place,
    pub(crate) value: T,
}

const LOCATED: &str = "$learnflow::Located";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
            type Value = Located<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a located value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
                let missing = || de::Error::custom("only this crate's reader knows places");
                let file: String = parts.next_element()?.ok_or_else(missing)?;
                let line: u64 = parts.next_element()?.ok_or_else(missing)?;
                let value = parts.next_element()?.ok_or_else(missing)?;
                Ok(Located { at: Place { file: file.into(), line: line as usize }, value })
            }
        }
        deserializer.deserialize_newtype_struct(LOCATED, Parts(std::marker::PhantomData))
    }
}

/// Where in the document, for people: `spec.filters[0].exact`.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[derive(Debug)]
struct Mismatch {
    place: Option<Place>,
    message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { place: None, message: message.to_string() }
    }
}

type Unknown = RefCell<Vec<(Place, String)>>;

#[derive(Clone, Copy)]
struct Strict<'a> {
    node: &'a Node,
    path: Path<'a>,
    unknown: &'a Unknown,
}

impl Strict<'_> {
    /// Gives an error of the innermost value its place and path.
    fn locate(&self, error: Mismatch) -> Mismatch {
        match (&error.place, &self.path) {
            (Some(_), _) => error,
            (None, Path::Root) => Mismatch { place: Some(self.node.at.clone()), ..error },
            (None, path) => {
                Mismatch { place: Some(self.node.at.clone()), message: format!("{path}: {}", error.message) }
            }
        }
    }
}

macro_rules! forward_to_any {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            self.deserialize_any(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Strict<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(value) => visitor.visit_str(value),
            Value::List(items) => visitor.visit_seq(Items { parent: self, items: items.iter().enumerate() }),
            Value::Map(map) => {
                visitor.visit_map(Entries { parent: self, entries: map.0.iter(), next: None, known: None })
            }
        }
        .map_err(|error| self.locate(error))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match &self.node.value {
            Value::Map(map) => {
                let entries =
                    Entries { parent: self, entries: map.0.iter(), next: None, known: Some(fields) };
                visitor.visit_map(entries).map_err(|error| self.locate(error))
            }
            other => Err(self.locate(de::Error::custom(format!("expected a map, found {}", other.kind())))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match name {
            LOCATED => visitor.visit_seq(LocatedParts { of: self, index: 0 }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match &self.node.value {
            Value::String(name) => visitor
                .visit_enum(IntoDeserializer::<Mismatch>::into_deserializer(name.as_str()))
                .map_err(|error| self.locate(error)),
            other => {
                Err(self.locate(de::Error::custom(format!("expected a string, found {}", other.kind()))))
            }
        }
    }

    forward_to_any! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_any(visitor)
    }
}

struct Items<'a> {
    parent: Strict<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mismatch;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mismatch> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        let item = Strict { node, path: Path::Item(&self.parent.path, index), ..self.parent };
        seed.deserialize(item).map(Some).map_err(|error| item.locate(error))
    }
}

struct Entries<'a> {
    parent: Strict<'a>,
    entries: std::slice::Iter<'a, (Key, Node)>,
    next: Option<&'a (Key, Node)>,
    known: Option<&'static [&'static str]>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        for entry in self.entries.by_ref() {
            let name = entry.0.name.as_str();
            if let Some(known) = self.known
                && !known.contains(&name)
            {
                let path = Path::Field(&self.parent.path, name);
                let message = format!("unknown field {path}; expected {}", known.join(", "));
                self.parent.unknown.borrow_mut().push((entry.0.at.clone(), message));
                continue;
            }
            self.next = Some(entry);
            return seed.deserialize(name.into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Mismatch> {
        let Some((key, node)) = self.next.take() else {
            return Err(de::Error::custom("a value was read before its key"));
        };
        let value = Strict { node, path: Path::Field(&self.parent.path, &key.name), ..self.parent };
        seed.deserialize(value).map_err(|error| value.locate(error))
    }
}

/// File, line and value of [`Located`].
struct LocatedParts<'a> {
    of: Strict<'a>,
    index: usize,
}

impl<'de> SeqAccess<'de> for LocatedParts<'_> {
    type Error = Mismatch;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mismatch> {
        self.index += 1;
        match self.index {
            1 => seed.deserialize(self.of.node.at.file.as_ref().into_deserializer()).map(Some),
            2 => seed.deserialize((self.of.node.at.line as u64).into_deserializer()).map(Some),
            3 => seed.deserialize(self.of).map(Some),
            _ => Ok(None),
        }
    }
}
