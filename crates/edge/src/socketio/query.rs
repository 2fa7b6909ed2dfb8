//! The query string of a request that opens a session.

/// What features look at in it.
const ROOM: &str = "roomId";

/// Whether a request belongs to a session that there is already.
pub(super) fn has_sid(query: &str) -> bool {
    query.split('&').any(|pair| pair.starts_with("sid="))
}

/// The room that it names, decoded.
pub(super) fn room(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, room) = pairs.find(|(name, _)| name == ROOM)?;
    Some(room.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_session_is_named_by_its_parameter_alone() {
        assert!(has_sid("EIO=4&sid=x") && has_sid("sid="));
        assert!(!has_sid("EIO=4&rsid=x") && !has_sid(""));
    }
}
