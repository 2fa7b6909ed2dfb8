//! Reads what a client sends, as it comes (RFC 6455, 5 to 7).

use std::{mem, ops::ControlFlow, str};

use super::{
    frame::Opcode,
    head::{Bounds, Head, LONGEST},
    mask,
    message::{Kind, Message, NOT_UTF8},
};

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of payload in one frame.
    pub(crate) frame: usize,
    /// Bytes of a message: of all its frames as they came, and again when it was inflated.
    pub(crate) message: usize,
    /// Frames of a message. One may always be sent.
    pub(crate) fragments: usize,
    /// Whether messages may be compressed (RFC 7692): nobody may set RSV1 unasked.
    pub(crate) compressed: bool,
}

/// What came. Fragments were put together, compressed messages were inflated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// To be answered by a pong with the same bytes, 125 at most.
    Ping(&'a [u8]),
    Pong,
    /// With its code, if any. Nothing is read after it.
    Close(Option<u16>),
}

/// What a client did against the protocol. The connection is to be failed (RFC 6455, 7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("against the protocol: {0}")]
    Protocol(&'static str),
    #[error("cannot be decoded: {0}")]
    Data(&'static str),
    #[error("too big")]
    TooBig,
}

impl Violation {
    /// The code to close with (RFC 6455, 7.4.1).
    pub(crate) const fn code(&self) -> u16 {
        match self {
            Self::Protocol(_) => 1002,
            Self::Data(_) => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// Inflates a compressed message to so many bytes at most, or says [`Violation::TooBig`].
pub(crate) type Inflate<'a> = dyn FnMut(&[u8], usize) -> Result<Vec<u8>, Violation> + 'a;

/// Takes what came; `Break` where no more is wanted for now.
pub(crate) type Take<'a> = dyn FnMut(Incoming<'_>) -> ControlFlow<()> + 'a;

/// Where a connection is in what its client sends: 16 bytes while nothing is incomplete, as it is for
/// most connections most of the time.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    incomplete: Option<Box<Incomplete>>,
    /// After a close or a violation.
    ended: bool,
}

/// What is to be continued by what comes next.
#[derive(Debug, Default)]
struct Incomplete {
    /// The beginning of a header.
    head: [u8; LONGEST],
    head_len: usize,
    /// The frame whose payload is incomplete.
    frame: Option<Frame>,
    /// The message whose last frame is not there, or not all of it.
    message: Option<Message>,
    /// What came when no more was wanted, as it came.
    rest: Vec<u8>,
}

#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    last: bool,
    /// For the next byte and those after it.
    key: [u8; 4],
    /// Bytes that are not there yet.
    left: usize,
    /// The payload of a control frame so far. That of others goes to the message.
    control: Vec<u8>,
}

/// What whoever feeds has given.
struct Feeder<'a, 'b> {
    limits: &'a Limits,
    inflate: &'a mut Inflate<'b>,
    take: &'a mut Take<'b>,
    /// No more is wanted for now.
    enough: bool,
}

/// Why no more is read.
enum Stop {
    Violation(Violation),
    Close,
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl Reader {
    /// Hands over what `bytes` completes, in the order in which it came. Payloads are unmasked in
    /// place, and only what is incomplete is copied. How the bytes were cut makes no difference to
    /// what is handed over, nor to the violation.
    ///
    /// When `take` wants no more for now, the rest is kept, and goes before what is fed next. After a
    /// close or a violation everything is ignored.
    pub(crate) fn feed(
        &mut self,
        bytes: &mut [u8],
        limits: &Limits,
        inflate: &mut Inflate<'_>,
        take: &mut Take<'_>,
    ) -> Result<(), Violation> {
        if self.ended {
            return Ok(());
        }
        let mut to = Feeder {
            limits,
            inflate,
            take,
            enough: false,
        };
        let mut rest = self.incomplete.as_mut().map(|it| mem::take(&mut it.rest));
        let rest = rest.as_mut().map_or(&mut [][..], |rest| rest);
        let read = self
            .read(rest, &mut to)
            .and_then(|()| self.read(bytes, &mut to));
        self.ended = read.is_err();
        let ended = self.ended;
        self.incomplete
            .take_if(|incomplete| ended || incomplete.is_empty());
        match read {
            Err(Stop::Violation(violation)) => Err(violation),
            Ok(()) | Err(Stop::Close) => Ok(()),
        }
    }

    /// Whether something was kept that came when no more was wanted.
    pub(crate) fn has_rest(&self) -> bool {
        let incomplete = self.incomplete.as_ref();
        incomplete.is_some_and(|incomplete| !incomplete.rest.is_empty())
    }

    fn read(&mut self, mut bytes: &mut [u8], to: &mut Feeder<'_, '_>) -> Result<(), Stop> {
        while !bytes.is_empty() {
            if to.enough {
                self.incomplete().rest.extend_from_slice(bytes);
                break;
            }
            let frame = self.incomplete.as_mut().and_then(|it| it.frame.take());
            bytes = match frame {
                Some(frame) => self.resume(frame, bytes, to)?,
                None => self.begin(bytes, to)?,
            };
        }
        Ok(())
    }

    /// Reads a frame from its header on, or what there is of it; returns what follows.
    fn begin<'b>(
        &mut self,
        bytes: &'b mut [u8],
        to: &mut Feeder<'_, '_>,
    ) -> Result<&'b mut [u8], Stop> {
        let Some((head, bytes)) = self.head(bytes, to.limits)? else {
            return Ok(&mut []);
        };
        let here = head.len.min(bytes.len());
        let (payload, rest) = bytes.split_at_mut(here);
        let key = mask::apply(head.key, payload);
        if here == head.len {
            self.whole(&head, payload, to)?;
        } else {
            self.part(&head, key, payload);
        }
        Ok(rest)
    }

    /// Reads a header, and returns what follows it; `None` where all of `bytes` is part of it.
    fn head<'b>(
        &mut self,
        bytes: &'b mut [u8],
        limits: &Limits,
    ) -> Result<Option<(Head, &'b mut [u8])>, Violation> {
        let message = self.incomplete.as_ref().and_then(|it| it.message.as_ref());
        let has = message.map_or(0, |message| message.payload.len());
        let bounds = Bounds {
            payload: limits.frame.min(limits.message.saturating_sub(has)),
            compressed: limits.compressed,
            fragments: message.is_some(),
        };
        let frames = message.map_or(0, |message| message.frames);
        let head = match &mut self.incomplete {
            Some(incomplete) if incomplete.head_len > 0 => incomplete.head(bytes, bounds)?,
            _ => Head::parse(bytes, bounds)?.map(|head| (head, head.size)),
        };
        let Some((head, read)) = head else {
            self.incomplete().keep_head(bytes);
            return Ok(None);
        };
        if head.opcode == Opcode::Continuation && frames >= limits.fragments {
            return Err(Violation::TooBig);
        }
        Ok(Some((head, &mut bytes[read..])))
    }

    /// A frame is there with all of its payload.
    fn whole(&mut self, head: &Head, payload: &[u8], to: &mut Feeder<'_, '_>) -> Result<(), Stop> {
        match head.opcode {
            control if control.is_control() => to.control(control, payload),
            Opcode::Text | Opcode::Binary if head.last => Ok(to.message(Kind::of(head), payload)?),
            _ => {
                self.message(head).append(payload, payload.len());
                Ok(self.fragment(head.last, to)?)
            }
        }
    }

    /// The first part of a frame is there.
    fn part(&mut self, head: &Head, key: [u8; 4], payload: &[u8]) {
        let mut control = Vec::new();
        if head.opcode.is_control() {
            control.extend_from_slice(payload);
        } else {
            self.message(head).append(payload, head.len);
        }
        self.incomplete().frame = Some(Frame {
            opcode: head.opcode,
            last: head.last,
            key,
            left: head.len - payload.len(),
            control,
        });
    }

    /// Goes on with a frame that was incomplete; returns what follows it.
    fn resume<'b>(
        &mut self,
        mut frame: Frame,
        bytes: &'b mut [u8],
        to: &mut Feeder<'_, '_>,
    ) -> Result<&'b mut [u8], Stop> {
        let (payload, rest) = bytes.split_at_mut(frame.left.min(bytes.len()));
        frame.key = mask::apply(frame.key, payload);
        if frame.opcode.is_control() {
            frame.control.extend_from_slice(payload);
        } else if let Some(message) = &mut self.incomplete().message {
            message.append(payload, frame.left);
        }
        frame.left -= payload.len();
        if frame.left > 0 {
            self.incomplete().frame = Some(frame);
        } else if frame.opcode.is_control() {
            to.control(frame.opcode, &frame.control)?;
        } else {
            self.fragment(frame.last, to)?;
        }
        Ok(rest)
    }

    /// A frame of the message under way is complete.
    fn fragment(&mut self, last: bool, to: &mut Feeder<'_, '_>) -> Result<(), Violation> {
        let message = &mut self.incomplete().message;
        if !last {
            return message.as_mut().map_or(Ok(()), Message::check);
        }
        match message.take() {
            Some(message) => to.message(message.kind, &message.payload),
            None => Ok(()),
        }
    }

    /// The message that a data frame belongs to: a new one, or the one under way.
    fn message(&mut self, head: &Head) -> &mut Message {
        let message = &mut self.incomplete().message;
        let message = message.get_or_insert_with(|| Message::new(head));
        message.frames += 1;
        message
    }

    fn incomplete(&mut self) -> &mut Incomplete {
        self.incomplete.get_or_insert_default()
    }
}

impl Incomplete {
    fn is_empty(&self) -> bool {
        self.head_len == 0 && self.frame.is_none() && self.message.is_none() && self.rest.is_empty()
    }

    /// Completes the header that was begun; with it, how many of `bytes` are part of it.
    fn head(&mut self, bytes: &[u8], bounds: Bounds) -> Result<Option<(Head, usize)>, Violation> {
        let begun = self.head_len;
        let here = bytes.len().min(LONGEST - begun);
        self.head[begun..begun + here].copy_from_slice(&bytes[..here]);
        let Some(head) = Head::parse(&self.head[..begun + here], bounds)? else {
            return Ok(None);
        };
        self.head_len = 0;
        Ok(Some((head, head.size - begun)))
    }

    /// Keeps more of a header that is incomplete.
    fn keep_head(&mut self, bytes: &[u8]) {
        let end = self.head_len + bytes.len();
        self.head[self.head_len..end].copy_from_slice(bytes);
        self.head_len = end;
    }
}

impl Feeder<'_, '_> {
    fn message(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Violation> {
        if !kind.compressed {
            return self.plain(kind, payload);
        }
        let payload = (self.inflate)(payload, self.limits.message)?;
        self.plain(kind, &payload)
    }

    fn plain(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Violation> {
        self.give(match kind.text {
            true => Incoming::Text(str::from_utf8(payload).map_err(|_| NOT_UTF8)?),
            false => Incoming::Binary(payload),
        });
        Ok(())
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Stop> {
        match opcode {
            Opcode::Ping => self.give(Incoming::Ping(payload)),
            Opcode::Close => {
                self.give(Incoming::Close(close_code(payload)?));
                return Err(Stop::Close);
            }
            _ => self.give(Incoming::Pong),
        }
        Ok(())
    }

    fn give(&mut self, incoming: Incoming<'_>) {
        self.enough = (self.take)(incoming).is_break();
    }
}

/// The code in a close frame (RFC 6455, 5.5.1 and 7.4). 1012 to 1014 were registered later.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(None),
            _ => Err(Violation::Protocol("half a close code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol("close code"));
    }
    str::from_utf8(reason).map_err(|_| NOT_UTF8)?;
    Ok(Some(code))
}

#[cfg(test)]
mod tests;
