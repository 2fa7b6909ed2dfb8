//! How the fields of an object from a client are read, whatever struct they are for:
//!
//! * a field that is `null` counts as absent, and so does the object itself;
//! * `roomId` is another name of `roomName`, and ignored beside it;
//! * of two fields with one name the last counts, as in JavaScript;
//! * in what nobody reads, half a surrogate pair is no failure: JavaScript sends it.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};
use serde_json::{Error, value::RawValue};

const ROOM: &str = "roomName";
const ROOM_TOO: &str = "roomId";

/// A value from a client. Structs are read as said above, everything else as it stands.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'de>(pub(crate) &'de RawValue);

impl<'de> Fields<'de> {
    fn is_null(self) -> bool {
        self.0.get() == "null"
    }
}

impl<'de> Deserializer<'de> for Fields<'de> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let wanted = Wanted(fields);
        let found = match self.0.get() {
            "null" => Vec::new(),
            text if text.starts_with('{') => wanted.deserialize(self.0)?,
            // Says what is wrong with it.
            _ => return self.0.deserialize_map(visitor),
        };
        visitor.visit_map(MapDeserializer::new(found.into_iter()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    /// A [`RawValue`] asks for one too.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Fields<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Reads those fields of an object that a struct has.
struct Wanted(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Wanted {
    type Value = Vec<(&'static str, Fields<'de>)>;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<Self::Value, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted {
    type Value = Vec<(&'static str, Fields<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found: Self::Value = Vec::new();
        let room_too = self.0.contains(&ROOM).then_some(&ROOM_TOO);
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            let mut names = self.0.iter().chain(room_too);
            if let Some(&field) = names.find(|field| **field == key) {
                found.retain(|(before, _)| *before != field);
                found.push((field, Fields(value)));
            }
        }
        found.retain(|(_, value)| !value.is_null());
        if found.iter().any(|(field, _)| *field == ROOM) {
            found.retain(|(field, _)| *field != ROOM_TOO);
        } else if let Some((field, _)) = found.iter_mut().find(|(field, _)| *field == ROOM_TOO) {
            *field = ROOM;
        }
        Ok(found)
    }
}

/// A name, readable in spite of half a surrogate pair.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(key: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Key(String::from_utf8_lossy(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Key(String::from_utf8_lossy(bytes).into_owned().into()))
            }
        }
        key.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::payload::decode;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code, reason = "for its Debug")]
    struct Wish {
        room_name: String,
        #[serde(default)]
        private: bool,
        username: Option<String>,
        data: Option<Box<serde_json::value::RawValue>>,
        more: Option<Inner>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Inner {
        #[serde(default)]
        depth: u8,
    }

    /// [`RawValue`](serde_json::value::RawValue)s can be compared by their looks only.
    impl PartialEq for Wish {
        fn eq(&self, other: &Self) -> bool {
            format!("{self:?}") == format!("{other:?}")
        }
    }

    fn wish(text: &str) -> Wish {
        decode(text).unwrap_or_else(|error| panic!("{text}: {}", error.message))
    }

    #[test]
    fn a_null_counts_as_absent() {
        let plain = wish(r#"{"roomName":"r"}"#);
        for nulls in [
            r#"{"roomName":"r","private":null,"username":null,"data":null,"more":null}"#,
            r#"{"roomName":null,"roomId":"r"}"#,
            r#"{"roomName":"r","roomId":null}"#,
        ] {
            assert_eq!(wish(nulls), plain, "{nulls}");
        }
        let inner = wish(r#"{"roomName":"r","more":{"depth":null}}"#).more;
        assert_eq!(inner, Some(Inner { depth: 0 }));
        for text in ["null", "{}", r#"{"roomName":null}"#] {
            let error = decode::<Wish>(text).unwrap_err();
            assert_eq!(error.message, "missing field `roomName`", "{text}");
        }
    }

    #[test]
    fn a_room_has_two_names_and_the_first_counts() {
        for text in [
            r#"{"roomId":"r"}"#,
            r#"{"roomId":"x","roomName":"r"}"#,
            r#"{"roomName":"r","roomId":7}"#,
        ] {
            assert_eq!(wish(text).room_name, "r", "{text}");
        }
    }

    #[test]
    fn what_nobody_reads_does_not_matter() {
        let text = r#"{"x":"\ud800","\udfff":1,"roomName":"a","roomName":"r","y":[null]}"#;
        assert_eq!(wish(text), wish(r#"{"roomName":"r"}"#));
    }

    #[test]
    fn what_is_read_is_as_strict_as_ever() {
        for (text, reason) in [
            (
                r#"{"roomName":7}"#,
                "invalid type: integer `7`, expected a string",
            ),
            (r#"["r"]"#, "invalid type: sequence, expected struct Wish"),
            (r#"{"roomName":"\ud800"}"#, "unexpected end of hex escape"),
        ] {
            assert_eq!(decode::<Wish>(text).unwrap_err().message, reason);
        }
    }

    #[test]
    fn free_data_is_left_as_it_is() {
        let text = r#"{"roomName":"r","data":{"a":null,"roomId":1}}"#;
        let data = wish(text).data.unwrap();
        assert_eq!(data.get(), r#"{"a":null,"roomId":1}"#);
        let whole = json!({"roomName": "r", "data": {"a": null, "roomId": 1}});
        assert_eq!(decode::<Value>(text), Ok(whole));
    }
}
