//! The query string of an Engine.IO request.

use std::borrow::Cow;

use http::Method;
use starling_kernel::session::Handshake;

/// Longest query that is kept as it is.
const MAX_QUERY: usize = 2 * 1024;
/// What the engine looks at in it,
const ENGINES: [&str; 4] = ["EIO", "transport", "sid", "b64"];
/// and the longest that any of these is.
const MAX_VALUE: usize = 64;
/// What features look at in it,
const ROOM: &str = "roomId";
/// of which so much is kept that it is still too long once it is decoded.
const MAX_ROOM: usize = 3 * (Handshake::ROOM_BYTES + 1);

/// What an Engine.IO request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// `GET` without a `sid`: a new polling session.
    OpenPolling,
    /// A websocket without a `sid`: a new websocket session.
    OpenWebsocket,
    /// `GET` with a `sid`: what there is to receive.
    Poll(&'a str),
    /// `POST` with a `sid`: what there is to send.
    Post(&'a str),
    /// A websocket for a polling session.
    Upgrade(&'a str),
}

impl<'a> Ask<'a> {
    /// The session it belongs to.
    pub(super) fn sid(&self) -> Option<&'a str> {
        match self {
            Self::OpenPolling | Self::OpenWebsocket => None,
            Self::Poll(sid) | Self::Post(sid) | Self::Upgrade(sid) => Some(sid),
        }
    }
}

/// The errors of the Engine.IO protocol; their numbers and texts are those of the official server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    UnknownTransport = 0,
    UnknownSid = 1,
    BadMethod = 2,
    BadRequest = 3,
    Forbidden = 4,
    UnsupportedVersion = 5,
}

impl Refused {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }
}

/// Reads a request's query.
pub(super) fn parse<'a>(
    method: &Method,
    query: &'a str,
    allow_eio3: bool,
) -> Result<Ask<'a>, Refused> {
    match parameter(query, "EIO") {
        Some("4") => {}
        Some("3") if allow_eio3 => {}
        _ => return Err(Refused::UnsupportedVersion),
    }
    let sid = parameter(query, "sid");
    match (parameter(query, "transport"), method, sid) {
        (Some("polling"), &Method::GET, None) => Ok(Ask::OpenPolling),
        (Some("polling"), &Method::GET, Some(sid)) => Ok(Ask::Poll(sid)),
        (Some("polling"), &Method::POST, Some(sid)) => Ok(Ask::Post(sid)),
        (Some("websocket"), &Method::GET, None) => Ok(Ask::OpenWebsocket),
        (Some("websocket"), &Method::GET, Some(sid)) => Ok(Ask::Upgrade(sid)),
        (Some("polling" | "websocket"), _, None) => Err(Refused::BadMethod),
        (Some("polling" | "websocket"), _, Some(_)) => Err(Refused::BadRequest),
        _ => Err(Refused::UnknownTransport),
    }
}

/// Whether it is of the protocol's third version.
pub(super) fn is_eio3(query: &str) -> bool {
    parameter(query, "EIO") == Some("3")
}

/// The query with another `sid`, as the engine knows it.
pub(super) fn with_sid(query: &str, sid: &str) -> String {
    let replaced = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("sid", _)) => format!("sid={sid}"),
        _ => pair.to_owned(),
    });
    replaced.collect::<Vec<_>>().join("&")
}

/// The room that it names, decoded.
pub(super) fn room(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, room) = pairs.find(|(name, _)| name == ROOM)?;
    Some(room.into_owned())
}

/// The query without what nobody knows, where it is long.
pub(super) fn short(query: &str) -> Cow<'_, str> {
    if query.len() <= MAX_QUERY {
        return query.into();
    }
    let known = query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name == ROOM {
            let most = pair.len() - value.len() + MAX_ROOM;
            return Some(&pair[..pair.floor_char_boundary(most)]);
        }
        (ENGINES.contains(&name) && value.len() <= MAX_VALUE).then_some(pair)
    });
    known.collect::<Vec<_>>().join("&").into()
}

/// The first value of a parameter, as the engine itself looks it up.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_what_it_asks_for() {
        let get = |query| parse(&Method::GET, query, false);
        let post = |query| parse(&Method::POST, query, false);
        assert_eq!(get("EIO=4&transport=polling&t=x"), Ok(Ask::OpenPolling));
        assert_eq!(get("EIO=4&transport=websocket"), Ok(Ask::OpenWebsocket));
        assert_eq!(get("EIO=4&transport=polling&sid=a-b"), Ok(Ask::Poll("a-b")));
        assert_eq!(
            post("EIO=4&transport=polling&sid=a-b"),
            Ok(Ask::Post("a-b"))
        );
        assert_eq!(
            get("EIO=4&transport=websocket&sid=s"),
            Ok(Ask::Upgrade("s"))
        );
    }

    #[test]
    fn what_the_protocol_forbids_is_refused_by_its_own_codes() {
        let get = |query| parse(&Method::GET, query, false).unwrap_err();
        let post = |query| parse(&Method::POST, query, false).unwrap_err();
        assert_eq!(get(""), Refused::UnsupportedVersion);
        assert_eq!(get("EIO=3&transport=polling"), Refused::UnsupportedVersion);
        assert_eq!(get("EIO=4"), Refused::UnknownTransport);
        assert_eq!(get("EIO=4&transport=smoke"), Refused::UnknownTransport);
        assert_eq!(post("EIO=4&transport=polling"), Refused::BadMethod);
        assert_eq!(post("EIO=4&transport=websocket&sid=a"), Refused::BadRequest);
        assert!(parse(&Method::GET, "EIO=3&transport=polling", true).is_ok());
    }

    #[test]
    fn a_room_is_decoded_and_the_first_one_counts() {
        assert_eq!(
            room("EIO=4&roomId=a%3Ab%C3%BC+c&roomId=d").unwrap(),
            "a:bü c"
        );
        assert_eq!(room("EIO=4&roomId=").unwrap(), "");
        assert_eq!(room("EIO=4&roomIds=x"), None);
    }

    #[test]
    fn of_a_long_query_the_room_is_kept_and_one_too_long_stays_too_long() {
        let rest = format!("x={}&EIO=4", "x".repeat(MAX_QUERY));
        assert_eq!(short(&format!("{rest}&roomId=r")), "EIO=4&roomId=r");
        let long = short(&format!("{rest}&roomId={}", "%C3%BC".repeat(MAX_QUERY))).into_owned();
        assert!(long.len() < MAX_QUERY);
        assert!(room(&long).unwrap().len() > Handshake::ROOM_BYTES);
    }

    #[test]
    fn the_sid_is_replaced_and_nothing_else() {
        assert_eq!(with_sid("EIO=4&sid=gw1-x&t=1", "x"), "EIO=4&sid=x&t=1");
        assert_eq!(with_sid("rsid=1&EIO=4", "x"), "rsid=1&EIO=4");
    }
}
