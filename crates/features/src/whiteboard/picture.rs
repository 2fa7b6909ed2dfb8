//! What a board shows: the log of its strokes, put together.

use std::collections::HashMap;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeSeq};
use serde_json::value::{RawValue, to_raw_value};
use starling_kernel::{
    envelope::{Envelope, Position, Weight},
    id::UserId,
    ports::{Page, Parcel},
};

use super::payload::{Draw, Tenths};

/// Entries that a board holds.
pub(super) const ENTRIES: usize = 20_000;

/// Bytes of a picture's pens and strokes. With the rest of its message, a few hundred bytes, that is less
/// than 1 MiB: each stroke [weighs](weight) what it adds at most.
pub(super) const BYTES: usize = 1_040_000;

/// Entries of a board that is shown by its draws as well, and bytes of those.
const DRAWS: (usize, usize) = (500, 256 * 1024);

/// As many digits as a pen's number can have.
const ANY_PEN: usize = 99_999;

/// A picture up to some place of the log.
pub(super) struct Picture {
    /// Everything up to here is in it.
    pub(super) at: Position,
    /// Entries since it was cleared, that one included.
    total: usize,
    /// Encoded, each once.
    pens: Vec<Box<RawValue>>,
    pen_numbers: HashMap<String, usize>,
    /// In the order in which they were drawn; those that were taken back are none.
    strokes: Vec<Option<Stroke>>,
    /// Where the strokes are that have a name.
    named: HashMap<By, Vec<usize>>,
    /// What was drawn, as it was told, while it is little.
    draws: Option<Vec<(By, Box<RawValue>)>>,
    /// Bytes of those.
    draws_bytes: usize,
    numbers: usize,
}

struct Stroke {
    pen: usize,
    name: Option<String>,
    line: Vec<Tenths>,
}

/// `[pen, name, x, y, x, y, …]`
impl Serialize for Stroke {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_seq(Some(2 + self.line.len()))?;
        all.serialize_element(&self.pen)?;
        all.serialize_element(&self.name)?;
        for number in &self.line {
            all.serialize_element(number)?;
        }
        all.end()
    }
}

/// Whose it is, and the name of the stroke, if it has one: nobody else's is the same.
#[derive(Clone, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
struct By {
    user_id: UserId,
    stroke: Option<String>,
}

/// `[color, width, userId, erase]`
fn pen(draw: &Draw, user: &UserId) -> Box<RawValue> {
    let pen = to_raw_value(&(&draw.color, draw.width, user, u8::from(draw.erase)));
    pen.unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// What it adds to a picture at most: a stroke of its own, and its pen if that is new.
pub(super) fn weight(draw: &Draw, user: &UserId) -> Weight {
    let pen = pen(draw, user).get().to_owned();
    let stroke = Stroke {
        pen: ANY_PEN,
        name: draw.stroke.clone(),
        line: draw.line().unwrap_or_default(),
    };
    let stroke = serde_json::to_string(&stroke).unwrap_or_default();
    let comma = 1;
    let pen_bytes = pen.len() + comma;
    Weight {
        bytes: stroke.len() + comma,
        shared: Some((pen, pen_bytes)),
    }
}

impl Default for Picture {
    fn default() -> Self {
        Self {
            at: Position::start(),
            total: 0,
            pens: Vec::new(),
            pen_numbers: HashMap::new(),
            strokes: Vec::new(),
            named: HashMap::new(),
            draws: Some(Vec::new()),
            draws_bytes: 0,
            numbers: 0,
        }
    }
}

impl Picture {
    /// The picture of a page that holds the whole log.
    pub(super) fn of(page: &Page) -> Self {
        let mut picture = Self::default();
        picture.take(page);
        picture.at = page.end();
        picture
    }

    /// Adds a page that was read after it; `false` where that does not follow. Of a log that it has
    /// nothing of it takes whatever is held.
    pub(super) fn take(&mut self, page: &Page) -> bool {
        if !self.at.is_start() && !page.follows(&self.at) {
            return false;
        }
        for (_, parcel) in &page.entries {
            if let Parcel::Message(envelope) = parcel {
                self.add(envelope);
            }
        }
        self.at = match page.entries.is_empty() {
            true => page.end(),
            false => page.last(&self.at),
        };
        true
    }

    fn add(&mut self, envelope: &Envelope) {
        self.total += 1;
        let Ok((_, data)) = serde_json::from_slice::<(&RawValue, &RawValue)>(&envelope.text) else {
            return;
        };
        let Ok(by) = serde_json::from_str::<By>(data.get()) else {
            return;
        };
        match envelope.event.as_str() {
            "board-cleared" => self.clear(),
            "undone" => self.undo(&by),
            "draw" => self.draw(by, data),
            _ => {}
        }
        if self.total > DRAWS.0 || self.draws_bytes > DRAWS.1 {
            self.draws = None;
        }
    }

    fn clear(&mut self) {
        let at = std::mem::replace(&mut self.at, Position::start());
        *self = Self {
            at,
            total: 1,
            ..Self::default()
        };
    }

    fn undo(&mut self, of: &By) {
        if let Some(draws) = &mut self.draws {
            draws.retain(|(by, _)| by != of);
        }
        for each in self.named.remove(of).unwrap_or_default() {
            self.strokes[each] = None;
        }
    }

    fn draw(&mut self, by: By, data: &RawValue) {
        let Ok(draw) = serde_json::from_str::<Draw>(data.get()) else {
            return;
        };
        let line = draw.line().unwrap_or_default();
        self.numbers += line.len();
        let pen = self.pen_number(pen(&draw, &by.user_id));
        if !self.goes_on(pen, &draw.stroke, &line) {
            if draw.stroke.is_some() {
                let named = self.named.entry(by.clone()).or_default();
                named.push(self.strokes.len());
            }
            self.strokes.push(Some(Stroke {
                pen,
                name: draw.stroke,
                line,
            }));
        }
        if let Some(draws) = &mut self.draws {
            self.draws_bytes += data.get().len() + 1;
            draws.push((by, data.to_owned()));
        }
    }

    fn pen_number(&mut self, pen: Box<RawValue>) -> usize {
        if let Some(known) = self.pen_numbers.get(pen.get()) {
            return *known;
        }
        let number = self.pens.len();
        self.pen_numbers.insert(pen.get().to_owned(), number);
        self.pens.push(pen);
        number
    }

    /// A line that begins where the one just before it ends, of the same pen and stroke, is one with it.
    fn goes_on(&mut self, pen: usize, name: &Option<String>, line: &[Tenths]) -> bool {
        let Some(Some(last)) = self.strokes.last_mut() else {
            return false;
        };
        let Some((begin, rest)) = line.split_at_checked(2) else {
            return false;
        };
        let goes_on = last.pen == pen && last.name == *name && last.line.ends_with(begin);
        if goes_on {
            last.line.extend(rest);
        }
        goes_on
    }

    /// `drawing-state`: what was drawn, while it is little, and the picture.
    pub(super) fn envelope(&self) -> Envelope {
        #[derive(Serialize)]
        struct Wire<'a> {
            seq: u64,
            total: usize,
            limit: usize,
            pens: &'a [Box<RawValue>],
            strokes: Vec<&'a Stroke>,
        }
        let draws = self.draws.iter().flatten();
        let draws: Vec<_> = draws.map(|(_, draw)| draw).collect();
        let picture = Wire {
            seq: self.at.seq,
            total: self.total,
            limit: ENTRIES,
            pens: &self.pens,
            strokes: self.strokes.iter().flatten().collect(),
        };
        Envelope::with_args("drawing-state", &(draws, picture))
    }

    /// Bytes that it takes here, about.
    pub(super) fn size(&self) -> usize {
        let pens = self.pens.iter().map(|pen| 4 * pen.get().len());
        let named = 128 * self.named.len();
        pens.sum::<usize>() + named + 64 * self.strokes.len() + 4 * self.numbers + self.draws_bytes
    }
}

#[cfg(test)]
mod tests;
