//! What transports make of a message, made once.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use crate::topic::Namespace;

/// What a transport makes of a message, once for all its receivers of a namespace. The kernel does not
/// look into it: it is no part of what the message *is*, so two that differ in it are equal.
///
/// Nearly all messages are heard in one namespace, a few in two (streams of a room are heard at `/`
/// and elsewhere): one place for each, and each leads to the next, so nothing is locked to read one.
/// A clone shares what was made until then.
#[derive(Clone, Default)]
pub struct Frames(OnceLock<Arc<Frame>>);

struct Frame {
    namespace: Namespace,
    made: Box<dyn Any + Send + Sync>,
    others: Frames,
}

impl Frames {
    /// What was made of the message for this namespace; what `make` makes, where that is the first of
    /// its type.
    pub fn get_or_make<T: Any + Send + Sync>(
        &self,
        namespace: Namespace,
        make: impl Fn() -> T,
    ) -> &T {
        let mut frames = self;
        loop {
            let frame = frames.0.get_or_init(|| Frame::new(namespace, make()));
            match frame.made.downcast_ref() {
                Some(made) if frame.namespace == namespace => return made,
                _ => frames = &frame.others,
            }
        }
    }
}

impl Frame {
    fn new(namespace: Namespace, made: impl Any + Send + Sync) -> Arc<Self> {
        Arc::new(Self {
            namespace,
            made: Box::new(made),
            others: Frames::default(),
        })
    }
}

impl PartialEq for Frames {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Frames {}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

#[cfg(test)]
mod tests {
    use crate::envelope::Envelope;
    use std::cell::Cell;

    #[test]
    fn a_message_is_encoded_once_for_each_namespace() {
        let made = Cell::new(0);
        let envelope = Envelope::new("news", &1);
        let encoded = |namespace| {
            let make = || {
                made.set(made.get() + 1);
                format!("{namespace}{}", envelope.as_str())
            };
            envelope.encoded(namespace, make).clone()
        };
        for _ in 0..3 {
            assert_eq!(encoded("/"), r#"/["news",1]"#);
            assert_eq!(encoded("/polls"), r#"/polls["news",1]"#);
            assert_eq!(encoded("/game"), r#"/game["news",1]"#);
        }
        assert_eq!(made.get(), 3);
    }

    #[test]
    fn a_clone_shares_what_was_made_and_is_equal_without() {
        let envelope = Envelope::new("news", &1);
        assert_eq!(envelope.encoded("/", || 1), &1);
        let clone = envelope.clone();
        assert_eq!(clone.encoded("/", || 2), &1);
        assert_eq!(clone.encoded("/polls", || 3), &3);
        assert_eq!(envelope.encoded("/polls", || 4), &3);
        assert_eq!(envelope, Envelope::new("news", &1));
    }

    #[test]
    fn two_transports_do_not_get_each_others() {
        let envelope = Envelope::new("news", &1);
        assert_eq!(envelope.encoded("/", || 1), &1);
        assert_eq!(envelope.encoded("/", || "one"), &"one");
        assert_eq!(envelope.encoded("/", || 2), &1);
    }
}
