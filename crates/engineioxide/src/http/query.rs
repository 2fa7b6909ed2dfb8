//! What an Engine.IO request asks for, by its method and query.

use http::Method;

use crate::ProtocolVersion;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask<'a> {
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

/// The errors of the Engine.IO protocol; their numbers and texts are those of the official server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    UnknownTransport = 0,
    UnknownSid = 1,
    BadMethod = 2,
    BadRequest = 3,
    UnsupportedVersion = 5,
}

impl Refused {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }
}

/// Reads a request's method and query.
pub(crate) fn parse<'a>(
    method: &Method,
    query: &'a str,
    eio3: bool,
) -> Result<(ProtocolVersion, Ask<'a>), Refused> {
    let version = match parameter(query, "EIO") {
        Some("4") => ProtocolVersion::V4,
        Some("3") if eio3 => ProtocolVersion::V3,
        _ => return Err(Refused::UnsupportedVersion),
    };
    let sid = parameter(query, "sid");
    let ask = match (parameter(query, "transport"), method, sid) {
        (Some("polling"), &Method::GET, None) => Ask::OpenPolling,
        (Some("polling"), &Method::GET, Some(sid)) => Ask::Poll(sid),
        (Some("polling"), &Method::POST, Some(sid)) => Ask::Post(sid),
        (Some("websocket"), &Method::GET, None) => Ask::OpenWebsocket,
        (Some("websocket"), &Method::GET, Some(sid)) => Ask::Upgrade(sid),
        (Some("polling" | "websocket"), _, None) => return Err(Refused::BadMethod),
        (Some("polling" | "websocket"), _, Some(_)) => return Err(Refused::BadRequest),
        _ => return Err(Refused::UnknownTransport),
    };
    Ok((version, ask))
}

/// The first value of a parameter.
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
        let get = |query| parse(&Method::GET, query, false).unwrap().1;
        let post = |query| parse(&Method::POST, query, false).unwrap().1;
        assert_eq!(get("EIO=4&transport=polling&t=x"), Ask::OpenPolling);
        assert_eq!(get("EIO=4&transport=websocket"), Ask::OpenWebsocket);
        assert_eq!(get("EIO=4&transport=polling&sid=a-b"), Ask::Poll("a-b"));
        assert_eq!(post("EIO=4&transport=polling&sid=a-b"), Ask::Post("a-b"));
        assert_eq!(get("EIO=4&transport=websocket&sid=s"), Ask::Upgrade("s"));
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
        let (version, _) = parse(&Method::GET, "EIO=3&transport=polling", true).unwrap();
        assert_eq!(version, ProtocolVersion::V3);
    }
}
