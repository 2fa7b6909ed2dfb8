use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::PortResult;
use crate::{envelope::Envelope, error::AppError, id::UserId, topic::Topic};

/// What was counted until now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// What it was opened with.
    pub data: String,
    /// Nobody is counted any more.
    pub closed: bool,
    /// How many chose each of the choices.
    pub counts: Vec<u64>,
    /// What the member chose for whom this was read.
    pub own: Option<u32>,
}

/// What became of a member's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cast {
    /// It was counted; these are the counts with it.
    Counted(Vec<u64>),
    /// This member has been counted before, for whichever choice.
    Already,
    /// Nobody is counted any more: also to those who were counted before.
    Closed,
    /// There is no such tally, or it has ended.
    Missing,
    /// It has no such choice: also where it is closed.
    NoSuchChoice,
}

/// A message about a tally, still without the counts, which are only known inside the backend's atomic
/// step. So the text is handed over in two halves, and the backend writes `"counts":[…],"total":n`
/// between them. It is published like what is [`super::Told`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TellCounts {
    /// Where it is published; it may be in another partition than the tally.
    pub topic: Topic,
    /// `["name",{"field":…,`
    pub head: String,
    /// `}]`
    pub tail: String,
    /// Event name.
    pub event: String,
    /// The key of which it is the newest ([`Envelope::newest_of`]).
    pub newest_of: Option<String>,
}

impl TellCounts {
    /// Encodes `event` with one argument, which must be a JSON object without the fields `counts` and
    /// `total`; they come last in it.
    pub fn new(topic: Topic, event: &str, data: &impl Serialize) -> Result<Self, AppError> {
        let name = serde_json::to_string(event).map_err(|_| AppError::invalid("event"))?;
        let data = serde_json::to_string(data).map_err(|_| AppError::invalid("data"))?;
        let Some(fields) = data.strip_suffix('}').filter(|d| d.starts_with('{')) else {
            return Err(AppError::invalid("what is told is a JSON object"));
        };
        let comma = if fields == "{" { "" } else { "," };
        Ok(Self {
            topic,
            head: format!("[{name},{fields}{comma}"),
            tail: "}]".to_owned(),
            event: event.to_owned(),
            newest_of: None,
        })
    }

    /// The same, of which only the newest of `key` matters.
    pub fn newest_of(mut self, key: &str) -> Self {
        self.newest_of = Some(key.to_owned());
        self
    }

    /// The message as it is delivered with these counts.
    pub fn with(&self, counts: &[u64]) -> Envelope {
        let numbers: Vec<_> = counts.iter().map(u64::to_string).collect();
        let (head, tail, numbers) = (&self.head, &self.tail, numbers.join(","));
        let total: u64 = counts.iter().sum();
        let text = format!("{head}\"counts\":[{numbers}],\"total\":{total}{tail}");
        Envelope {
            text: text.into(),
            newest_of: self.newest_of.clone(),
            ..Envelope::with_args(&self.event, &())
        }
    }
}

/// Members, each counted once for one of some choices. A tally is named by a topic of its own.
#[async_trait]
pub trait Tallies: Send + Sync {
    /// Begins to count. `false` where there is a tally of that name: nothing was done. `data` is a
    /// document that never changes, which whoever opens bounds to some kilobytes; `choices` are at
    /// least 1, and few, as each counting reads them all. It ends, with all that was counted, when
    /// the time `keep` is over, to the millisecond.
    ///
    /// [`super::PortError::Fenced`] where this node's life is over.
    async fn open(
        &self,
        topic: &Topic,
        data: &str,
        choices: u32,
        keep: Duration,
    ) -> PortResult<bool>;

    /// In one step: counts a member for a choice (the first is 0), if it was not counted before, and
    /// publishes `tell`. What refuses it is looked for in this order: [`Cast::Missing`],
    /// [`Cast::NoSuchChoice`], [`Cast::Closed`], [`Cast::Already`]; then nothing is done.
    ///
    /// [`super::PortError::Fenced`] where this node's life is over. After
    /// [`super::PortError::Unknown`] it may have been counted or not: casting again counts it once.
    async fn cast(
        &self,
        topic: &Topic,
        member: &UserId,
        choice: u32,
        tell: &TellCounts,
    ) -> PortResult<Cast>;

    /// In one step: counts nobody any more, and publishes `tell` with what was counted at last. `None`
    /// where there is no such tally, `Some(false)` where it was closed before: nothing was done.
    ///
    /// [`super::PortError::Fenced`] where this node's life is over.
    async fn close(&self, topic: &Topic, tell: &TellCounts) -> PortResult<Option<bool>>;

    /// What was counted until now, and what `member` chose. A life that is over may read, too.
    async fn tally(&self, topic: &Topic, member: Option<&UserId>) -> PortResult<Option<Tally>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_come_last_in_what_is_told() {
        let topic = Topic::stream("/", "poll", 1);
        let tell = TellCounts::new(topic.clone(), "results", &json!({"id": 1})).unwrap();
        let told = tell.newest_of("k").with(&[2, 0]);
        assert_eq!(
            told.as_str(),
            r#"["results",{"id":1,"counts":[2,0],"total":2}]"#
        );
        assert_eq!(
            (told.event.as_str(), told.newest_of.as_deref()),
            ("results", Some("k"))
        );
        let bare = TellCounts::new(topic.clone(), "r", &json!({})).unwrap();
        assert_eq!(bare.with(&[]).as_str(), r#"["r",{"counts":[],"total":0}]"#);
        assert!(TellCounts::new(topic, "r", &json!([1])).is_err());
    }
}
