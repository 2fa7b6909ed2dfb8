//! The masking of what clients send (RFC 6455, 5.3).

/// Masks or unmasks in place; returns the key for what follows in the same frame.
///
/// Eight bytes at a time in portable code, of which the compiler makes what the processor has.
pub(super) fn apply(key: [u8; 4], bytes: &mut [u8]) -> [u8; 4] {
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    let mut next = key;
    next.rotate_left(rest.len() % 4);
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn the_example_of_the_rfc_is_unmasked() {
        let mut hello = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(KEY, &mut hello);
        assert_eq!(&hello, b"Hello");
    }

    #[test]
    fn a_payload_in_pieces_is_unmasked_as_in_one() {
        let payload: Vec<u8> = (0..64).collect();
        let byte_by_byte: Vec<u8> = (0..64).map(|at| at ^ KEY[usize::from(at) % 4]).collect();
        for cut in 0..=payload.len() {
            let mut pieces = payload.clone();
            let (first, second) = pieces.split_at_mut(cut);
            let key = apply(KEY, first);
            apply(key, second);
            assert_eq!(pieces, byte_by_byte);
        }
    }
}
