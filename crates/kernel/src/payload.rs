//! What a client sent with an event, still undecoded.

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::{
    error::AppError,
    fields::{Fields, Key},
    limits::Limits,
};

/// The arguments of an event.
#[derive(Debug, Default)]
pub struct Payload {
    args: Vec<Box<RawValue>>,
    /// Binary parts, in the order of their placeholders.
    pub attachments: Vec<Bytes>,
}

impl Payload {
    /// Splits `["event",arg,…]`, and checks its depth and that each placeholder names an attachment. A
    /// name that is no string is taken for an empty one, which no event of ours has.
    pub fn parse(
        text: &str,
        attachments: Vec<Bytes>,
        limits: &Limits,
    ) -> Result<(String, Self), AppError> {
        if depth(text) > limits.json_depth {
            return Err(AppError::invalid(format!(
                "nested deeper than {}",
                limits.json_depth
            )));
        }
        let mut args: Vec<Box<RawValue>> = parse(text)?;
        if args.is_empty() {
            return Err(AppError::invalid("an event has a name"));
        }
        let name = name(args.remove(0).get());
        if !attachments.is_empty() {
            check_placeholders(&parse(text)?, attachments.len())?;
        }
        Ok((name, Self { args, attachments }))
    }

    /// Decodes the first argument; a missing one counts as `null`. See [`decode`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, AppError> {
        let first = self.args.first().map_or(RawValue::NULL, |arg| arg);
        T::deserialize(Fields(first)).map_err(invalid)
    }
}

/// The name in `["event",arg,…]`, readable even where the rest is not; empty where there is none.
pub fn event_name(text: &str) -> String {
    let after_bracket = text.get(1..).unwrap_or_default();
    let mut names = serde_json::Deserializer::from_str(after_bracket).into_iter();
    let first: Option<Result<Key<'_>, _>> = names.next();
    first
        .and_then(Result::ok)
        .map_or(String::new(), |Key(name)| name.into_owned())
}

fn name(first: &str) -> String {
    parse(first).map_or(String::new(), |Key(name)| name.into_owned())
}

/// Decodes what a client sent. In a struct's fields `null` counts as absent, and `roomId` is another name
/// of `roomName`, ignored beside it. Whatever does not fit is `invalid_payload`, with the reason.
pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T, AppError> {
    let value: &RawValue = serde_json::from_str(text).map_err(invalid)?;
    T::deserialize(Fields(value)).map_err(invalid)
}

fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, AppError> {
    serde_json::from_str(text).map_err(invalid)
}

fn invalid(error: serde_json::Error) -> AppError {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    AppError::invalid(reason.to_owned())
}

/// The deepest nesting of arrays and objects, the event's own array not counted.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest.saturating_sub(1)
}

/// A placeholder out of range would make the *receivers'* parsers give up their connections.
fn check_placeholders(value: &Value, attachments: usize) -> Result<(), AppError> {
    match value {
        Value::Array(items) => items
            .iter()
            .try_for_each(|v| check_placeholders(v, attachments)),
        Value::Object(fields) if fields.get("_placeholder") == Some(&Value::Bool(true)) => {
            match fields.get("num").and_then(Value::as_u64) {
                Some(num) if (num as usize) < attachments => Ok(()),
                _ => Err(AppError::invalid("a placeholder names no attachment")),
            }
        }
        Value::Object(fields) => fields
            .values()
            .try_for_each(|v| check_placeholders(v, attachments)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, attachments: usize) -> Result<(String, Payload), AppError> {
        Payload::parse(text, vec![Bytes::new(); attachments], &Limits::default())
    }

    #[test]
    fn an_event_is_split_into_name_and_arguments() {
        let (name, payload) = parse(r#"["a",{"b":1},2]"#, 0).unwrap();
        assert_eq!(name, "a");
        assert_eq!(
            payload.decode::<Value>().unwrap(),
            serde_json::json!({"b": 1})
        );
        assert_eq!(
            parse(r#"["a"]"#, 0).unwrap().1.decode::<Value>().unwrap(),
            Value::Null
        );
    }

    #[test]
    fn a_name_may_have_any_characters() {
        for (text, name) in [
            (r#"["",1]"#, ""),
            (r#"["\"\\\n\u0000"]"#, "\"\\\n\0"),
            (r#"["a\ud800"]"#, "a\u{fffd}\u{fffd}\u{fffd}"),
            (r#"["日本💥"]"#, "日本💥"),
        ] {
            assert_eq!(parse(text, 0).unwrap().0, name, "{text}");
            assert_eq!(event_name(text), name, "{text}");
        }
        assert_eq!(event_name(r#"["a",{"broken"#), "a");
        assert_eq!(event_name(""), "");
    }

    #[test]
    fn a_name_that_is_no_string_is_an_empty_one() {
        for text in [
            "[1]",
            r#"[null,"x"]"#,
            r#"[{"a":1}]"#,
            r#"[["ping"]]"#,
            "[true]",
        ] {
            assert_eq!(parse(text, 0).unwrap().0, "", "{text}");
            assert_eq!(event_name(text), "", "{text}");
        }
    }

    #[test]
    fn wrong_shapes_are_refused() {
        for text in ["[]", "{}", "x", "", r#"["a""#, "[1"] {
            assert!(parse(text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_is_limited_and_strings_do_not_count() {
        let nested = |n: usize| format!(r#"["a",{}{}]"#, "[".repeat(n), "]".repeat(n));
        assert!(parse(&nested(32), 0).is_ok());
        assert!(parse(&nested(33), 0).is_err());
        assert!(parse(&format!(r#"["a","\"{}"]"#, "[".repeat(99)), 0).is_ok());
    }

    #[test]
    fn a_placeholder_must_name_an_attachment() {
        let text = |n: u8| format!(r#"["a",{{"x":[{{"_placeholder":true,"num":{n}}}]}}]"#);
        assert!(parse(&text(0), 1).is_ok());
        assert!(parse(&text(1), 1).is_err());
    }

    #[test]
    fn a_decoding_error_says_what_is_wrong() {
        #[derive(Debug, serde::Deserialize)]
        #[allow(dead_code)]
        struct T {
            room: String,
        }
        let error = parse(r#"["a",{}]"#, 0)
            .unwrap()
            .1
            .decode::<T>()
            .unwrap_err();
        assert_eq!(error.message, "missing field `room`");
    }
}
