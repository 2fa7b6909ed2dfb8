//! What clients send, and what they get.

use serde::{Deserialize, Serialize};
use starling_kernel::{
    error::AppError, feature::Command, id::UserId, limits::Limits, time::Timestamp,
};

use crate::common::check_client_id;

/// Numbers in `points`: two a point.
const NUMBERS: std::ops::RangeInclusive<usize> = 4..=256;

/// Bytes of a stroke's name.
const NAME: std::ops::RangeInclusive<usize> = 1..=32;

/// How far from the origin anything is drawn.
const FAR: f64 = 100_000.0;

/// A number with one decimal: more is rounded. Finer than a tenth of a pixel nobody sees, and a picture of
/// many strokes is to be small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Tenths(i32);

impl TryFrom<f64> for Tenths {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if number.abs() <= FAR {
            Ok(Self((number * 10.0).round() as i32))
        } else {
            Err(format!("numbers must be within ±{FAR}"))
        }
    }
}

impl Serialize for Tenths {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 10 {
            0 => serializer.serialize_i32(self.0 / 10),
            _ => serializer.serialize_f64(f64::from(self.0) / 10.0),
        }
    }
}

/// A line from one point to another, or through many. It is sent on as it came, in the one form or the other.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Draw {
    #[serde(skip_serializing_if = "Option::is_none")]
    x1: Option<Tenths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y1: Option<Tenths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x2: Option<Tenths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y2: Option<Tenths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<Vec<Tenths>>,
    pub(super) color: String,
    #[serde(default = "usual_width")]
    pub(super) width: Tenths,
    /// The sender's name of the stroke that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stroke: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) erase: bool,
    #[serde(skip_serializing)]
    pub(super) client_id: Option<String>,
}

/// The seed's `lineWidth`.
fn usual_width() -> Tenths {
    Tenths(20)
}

impl Draw {
    /// `x, y, x, y, …`; nothing where neither form is complete, or there are both.
    pub(super) fn line(&self) -> Option<Vec<Tenths>> {
        match (self.x1, self.y1, self.x2, self.y2, &self.points) {
            (Some(x1), Some(y1), Some(x2), Some(y2), None) => Some(vec![x1, y1, x2, y2]),
            (None, None, None, None, Some(points)) => Some(points.clone()),
            _ => None,
        }
    }
}

impl Command for Draw {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        let line = self.line();
        let line = line.ok_or_else(|| AppError::invalid("draw takes x1, y1, x2, y2, or points"))?;
        if !NUMBERS.contains(&line.len()) || line.len() % 2 != 0 {
            return Err(AppError::invalid(
                "points must be 4 to 256 numbers, two a point",
            ));
        }
        if !is_color(&self.color) {
            return Err(AppError::invalid(
                "color must be #rgb, #rrggbb or a CSS name",
            ));
        }
        if !(10..=1_000).contains(&self.width.0) {
            return Err(AppError::invalid("width must be 1 to 100"));
        }
        self.stroke.as_deref().map_or(Ok(()), check_stroke)?;
        check_client_id(self.client_id.as_deref(), limits)
    }
}

fn is_color(color: &str) -> bool {
    match color.strip_prefix('#') {
        Some(digits) => {
            matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit())
        }
        None => (1..=20).contains(&color.len()) && color.bytes().all(|b| b.is_ascii_lowercase()),
    }
}

fn check_stroke(name: &str) -> Result<(), AppError> {
    let fits = NAME.contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b));
    match fits {
        true => Ok(()),
        false => Err(AppError::invalid("stroke must match [A-Za-z0-9_.:-]{1,32}")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Undo {
    pub(super) stroke: String,
    pub(super) client_id: Option<String>,
}

impl Command for Undo {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        check_stroke(&self.stroke)?;
        check_client_id(self.client_id.as_deref(), limits)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Clear {
    pub(super) client_id: Option<String>,
}

impl Command for Clear {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        check_client_id(self.client_id.as_deref(), limits)
    }
}

#[derive(Deserialize, Serialize)]
pub(super) struct Point {
    x: Tenths,
    y: Tenths,
}

impl Command for Point {}

/// A stored line; `id` and `seq` are added where its place in the log is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Drawn<'a> {
    #[serde(flatten)]
    pub(super) draw: &'a Draw,
    pub(super) user_id: &'a UserId,
    pub(super) timestamp: Timestamp,
}

/// One's own stroke was taken back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Undone<'a> {
    pub(super) stroke: &'a str,
    pub(super) user_id: &'a UserId,
    pub(super) timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cleared<'a> {
    pub(super) user_id: &'a UserId,
    pub(super) username: &'a str,
    pub(super) timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cursor<'a> {
    pub(super) user_id: &'a UserId,
    pub(super) username: &'a str,
    #[serde(flatten)]
    pub(super) at: &'a Point,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NoCursor<'a> {
    pub(super) user_id: &'a UserId,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use starling_kernel::payload::decode;

    use super::*;

    fn checked(draw: Value) -> Result<Draw, AppError> {
        let draw: Draw = decode(&draw.to_string())?;
        draw.check(&Limits::default()).map(|()| draw)
    }

    /// A line of the seed's client, with something changed.
    fn seeds(change: Value) -> Result<Draw, AppError> {
        let mut draw = json!({"x1": 1, "y1": 2.55, "x2": -3.04, "y2": 1e5, "color": "#00ff7f"});
        let fields = change.as_object().unwrap().clone();
        draw.as_object_mut().unwrap().extend(fields);
        checked(draw)
    }

    #[test]
    fn a_line_is_sent_on_as_it_came_but_for_what_nobody_sees() {
        let draw =
            seeds(json!({"clientId": "c", "points": null, "erase": null, "x": "y"})).unwrap();
        let user = UserId::trusted("ann");
        let drawn = Drawn {
            draw: &draw,
            user_id: &user,
            timestamp: Timestamp(0),
        };
        assert_eq!(
            serde_json::to_string(&drawn).unwrap(),
            r##"{"x1":1,"y1":2.6,"x2":-3,"y2":100000,"color":"#00ff7f","width":2,"userId":"ann","timestamp":"1970-01-01T00:00:00.000Z"}"##
        );
        let points = checked(json!({"points": [0, 0.1, -0.04, 9], "color": "red", "erase": true}));
        assert_eq!(
            serde_json::to_string(&points.unwrap()).unwrap(),
            r#"{"points":[0,0.1,0,9],"color":"red","width":2,"erase":true}"#
        );
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for good in [
            json!({"color": "#abc", "width": 1, "stroke": "s"}),
            json!({"color": "rebeccapurple", "width": 100, "stroke": "x".repeat(32)}),
            json!({"x1": null, "y1": null, "x2": null, "y2": null, "points": vec![1.5; 256]}),
        ] {
            assert!(seeds(good.clone()).is_ok(), "{good}");
        }
        for bad in [
            json!({"x1": null}),
            json!({"x1": "1"}),
            json!({"x1": true}),
            json!({"x1": 100_000.1}),
            json!({"x1": -1e300}),
            json!({"x1": [1]}),
            json!({"points": [1, 2, 3, 4]}),
            json!({"color": null}),
            json!({"color": 7}),
            json!({"color": "#abcd"}),
            json!({"color": "#ggg"}),
            json!({"color": ""}),
            json!({"color": "Red"}),
            json!({"color": "url(x)"}),
            json!({"color": "x".repeat(21)}),
            json!({"width": 0.9}),
            json!({"width": 100.1}),
            json!({"width": "2"}),
            json!({"stroke": ""}),
            json!({"stroke": "a b"}),
            json!({"stroke": "x".repeat(33)}),
            json!({"stroke": 7}),
            json!({"erase": "yes"}),
            json!({"clientId": ""}),
        ] {
            assert!(seeds(bad.clone()).is_err(), "{bad}");
        }
        for points in [
            json!([]),
            json!([1, 2]),
            json!([1, 2, 3, 4, 5]),
            json!(vec![1; 258]),
            json!([1, 2, 3, null]),
            json!([1, 2, 3, "4"]),
            json!("1,2,3,4"),
        ] {
            assert!(
                checked(json!({"points": points, "color": "red"})).is_err(),
                "{points}"
            );
        }
        for text in [
            "null",
            "[]",
            "7",
            r#"{"points":[1,2,3,1e999],"color":"red"}"#,
        ] {
            assert!(decode::<Draw>(text).is_err(), "{text}");
        }
    }
}
