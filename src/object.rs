//! Strict parsing of objects and of enum words. The deserialisers that serde derives for a struct
//! also accept a list with the values of its fields in order: `["p1", 2]` would pass for
//! `{"productId":"p1","quantity":2}`, and change its meaning once a field is added. Body fields
//! that hold structs are therefore read with `#[serde(deserialize_with = "object::list")]` and
//! similar functions. In the same way an enum without fields would accept `{"SELLING":null}` for
//! `"SELLING"`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A `T` that was written as an object.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfObject<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(OfObject(PhantomData))
    }
}

/// Reads a field that is a struct.
pub fn one<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<T, D::Error> {
    Object::deserialize(field).map(|Object(value)| value)
}

/// Reads a struct field that may be absent or `null`; to be combined with `default`.
pub fn option<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(field).map(|found: Option<Object<T>>| found.map(|Object(value)| value))
}

/// Reads a list of structs.
pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Vec<T>, D::Error> {
    let items: Vec<Object<T>> = Vec::deserialize(field)?;
    Ok(items.into_iter().map(|Object(item)| item).collect())
}

/// Reads an enum without fields.
pub fn word<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(field)?.into_deserializer())
}

/// Reads an enum without fields that may be absent or `null`; to be combined with `default`.
pub fn option_word<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    let found: Option<String> = Option::deserialize(field)?;
    found.map(|word| T::deserialize(word.into_deserializer())).transpose()
}
