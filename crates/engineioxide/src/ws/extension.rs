//! Whether messages are compressed: the extension `permessage-deflate` (RFC 7692).

use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};

const NAME: &str = "permessage-deflate";
/// Each message by itself, both ways: so what was compressed once is fine for everybody, and nothing is
/// kept for a connection.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// To who asks for a window as large as there is. It has to be told (RFC 7692, 7.1.2.1).
const WITH_WINDOW: &str = "permessage-deflate; server_no_context_takeover; \
                           client_no_context_takeover; server_max_window_bits=15";

/// The answer to the first offer that we take, if any is there.
pub(crate) fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(answer)
        .map(HeaderValue::from_static)
}

/// What is said to an offer; `None` declines it (RFC 7692, 7).
fn answer(offer: &str) -> Option<&'static str> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next()? != NAME {
        return None;
    }
    let mut answer = ANSWER;
    let mut seen = Vec::new();
    for part in parts {
        let (name, value) = parameter(part);
        match (name, value) {
            _ if seen.contains(&name) => return None,
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            // It may have a smaller window, and we always have room for the largest.
            ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(bits)) if is_window(bits) => {}
            // With a smaller one it would be compressed for this client alone: declined, as it may be
            // (RFC 7692, 7.1.2.1).
            ("server_max_window_bits", Some("15")) => answer = WITH_WINDOW,
            _ => return None,
        }
        seen.push(name);
    }
    Some(answer)
}

/// Its name and its value, which may be quoted (RFC 6455, 9.1).
fn parameter(part: &str) -> (&str, Option<&str>) {
    let Some((name, value)) = part.split_once('=') else {
        return (part, None);
    };
    let value = value.trim_start();
    let unquoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    (name.trim_end(), Some(unquoted.unwrap_or(value)))
}

/// 8 to 15, without leading zeroes (RFC 7692, 7.1.2).
fn is_window(bits: &str) -> bool {
    matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(offers: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for offer in offers {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, offer.parse().unwrap());
        }
        Some(accept(&headers)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_browsers_and_node_offer_is_taken() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=15",
            "permessage-deflate;client_max_window_bits=\"8\"",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "x-webkit-deflate-frame, permessage-deflate",
        ] {
            assert_eq!(answered(&[offer]).as_deref(), Some(ANSWER), "{offer}");
        }
    }

    #[test]
    fn nothing_is_answered_where_nothing_was_offered() {
        assert_eq!(answered(&[]), None);
        assert_eq!(answered(&["x-webkit-deflate-frame"]), None);
        assert_eq!(answered(&[""]), None);
    }

    #[test]
    fn parameters_that_are_wrong_decline_their_offer() {
        for offer in [
            "permessage-deflate; what",
            "permessage-deflate; ",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=08",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        ] {
            assert_eq!(answered(&[offer]), None, "{offer}");
        }
    }

    #[test]
    fn who_asks_for_a_small_window_is_declined_and_the_next_offer_is_looked_at() {
        let small = "permessage-deflate; server_max_window_bits=10";
        assert_eq!(answered(&[small]), None);
        let list = format!("{small}, permessage-deflate; client_max_window_bits");
        assert_eq!(answered(&[&list]).as_deref(), Some(ANSWER));
        assert_eq!(
            answered(&[small, "permessage-deflate"]).as_deref(),
            Some(ANSWER)
        );
    }

    #[test]
    fn who_asks_for_the_largest_window_is_told_so() {
        let offer = "permessage-deflate; server_max_window_bits=15; client_max_window_bits";
        assert_eq!(answered(&[offer]).as_deref(), Some(WITH_WINDOW));
    }
}
