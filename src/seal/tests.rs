use proptest::prelude::*;

use super::*;

fn key(byte: u8) -> DataKey {
    DataKey::new(Zeroizing::new([byte; 32]))
}

fn plain(identity: &[u8], body: &[u8]) -> Plain {
    Plain { identity: identity.to_vec(), body: Zeroizing::new(body.to_vec()) }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
        .collect()
}

#[test]
fn what_was_sealed_is_what_is_opened() {
    let plain = plain(b"identity", b"token");
    let record = seal(&key(1), Kind::Token, &plain).expect("sealed");
    assert_eq!(open(&key(1), Kind::Token, RecordName::of(b"identity"), &record), Ok(plain));
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    let record = seal(&key(1), Kind::Token, &plain(b"identity", b"token")).expect("sealed");
    let name = RecordName::of(b"identity");
    for at in 0..record.len() {
        for bit in 0..8 {
            let mut edited = record.clone();
            edited[at] ^= 1 << bit;
            assert_eq!(open(&key(1), Kind::Token, name, &edited), Err(OpenError::Sealed), "byte {at}");
        }
        assert_eq!(open(&key(1), Kind::Token, name, &record[..at]), Err(OpenError::Sealed), "cut at {at}");
    }
    let longer = [record.as_slice(), b"x"].concat();
    assert_eq!(open(&key(1), Kind::Token, name, &longer), Err(OpenError::Sealed));
}

/// What a later version may write: the same header, and everything in it another.
fn newer() -> Vec<u8> {
    let mut record = seal(&key(1), Kind::Token, &plain(b"identity", b"token")).expect("sealed");
    (record[4], record[5]) = (2, 2);
    record
}

#[test]
fn a_record_of_a_newer_version_is_told_from_a_damaged_one() {
    let name = RecordName::of(b"identity");
    let opened = |record: &[u8]| open(&key(1), Kind::Token, name, record).expect_err("it does not open");
    assert_eq!(opened(&newer()), OpenError::NewerVersion);
    let mut next = seal(&key(1), Kind::Token, &plain(b"identity", b"token")).expect("sealed");
    next[4] = 2;
    assert_eq!(opened(&next), OpenError::NewerVersion, "no flipped bit makes the next version of this one");
    assert_eq!(open(&key(2), Kind::Token, name, &newer()), Err(OpenError::NewerVersion), "sealed with any key");
    // The magic, the zero and the length stand in every header of this kind.
    for at in [0, 7, 64, 67] {
        let mut damaged = newer();
        damaged[at] ^= 1;
        assert_eq!(opened(&damaged), OpenError::Sealed, "byte {at}");
    }
    for cut in [0, 5, HEADER, HEADER + TAG, newer().len() - 1] {
        assert_eq!(opened(&newer()[..cut]), OpenError::Sealed, "cut at {cut}");
    }
}

#[test]
fn a_record_opens_under_its_own_name_kind_and_key_alone() {
    let record = seal(&key(1), Kind::Token, &plain(b"a", b"token")).expect("sealed");
    let name = RecordName::of(b"a");
    assert!(open(&key(1), Kind::Token, RecordName::of(b"b"), &record).is_err(), "renamed");
    assert!(open(&key(1), Kind::Refusal, name, &record).is_err(), "another kind");
    assert!(open(&key(2), Kind::Token, name, &record).is_err(), "another key");
}

#[test]
fn stored_secrets_have_a_key_of_their_own() {
    let mut record = seal(&key(1), Kind::SecretItem, &plain(b"a", b"secret")).expect("sealed");
    record[6] = Kind::Token.byte();
    assert!(open(&key(1), Kind::Token, RecordName::of(b"a"), &record).is_err());
}

#[test]
fn no_two_seals_are_alike() {
    let seals: std::collections::HashSet<Vec<u8>> =
        (0..1_000).map(|_| seal(&key(1), Kind::Token, &plain(b"a", b"b")).expect("sealed")[40..64].to_vec()).collect();
    assert_eq!(seals.len(), 1_000);
}

#[test]
fn lengths_tell_classes_not_tokens() {
    let length = |size: usize| seal(&key(1), Kind::Token, &plain(b"a", &vec![b'x'; size])).expect("sealed").len();
    assert_eq!(length(1), length(200));
    assert_ne!(length(200), length(300));
}

#[test]
fn what_is_too_large_to_be_read_is_not_written() {
    let huge = plain(b"a", &vec![0; LARGEST_RECORD]);
    assert_eq!(seal(&key(1), Kind::Token, &huge), Err(SealError::TooLarge));
}

/// A vector of our own: version 1 opens for ever.
#[test]
fn a_record_of_version_1_opens() {
    let record = seal_with(&key(0x42), Kind::Token, &plain(b"identity", b"body"), [7; 24]).expect("sealed");
    let digest = RecordName::of(&record).to_hex();
    assert_eq!(digest, include_str!("../../tests/vectors/record-v1.sha256").trim_end());
    let stored = hex(include_str!("../../tests/vectors/record-v1.hex"));
    assert_eq!(open(&key(0x42), Kind::Token, RecordName::of(b"identity"), &stored), Ok(plain(b"identity", b"body")));
}

#[test]
fn a_data_key_of_version_1_is_derived_for_ever() {
    let key = DataKey::derived(&Secret::new(vec![1; 32]), &[2; 16], &[3; 16]);
    assert_eq!(key.id().to_string(), include_str!("../../tests/vectors/keyid-v1.hex").trim_end());
}

/// draft-irtf-cfrg-xchacha-03, appendix A.3.1: the crate is the algorithm that we think it is.
#[test]
fn the_published_vector_of_xchacha20_poly1305_holds() {
    let key = hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    let nonce = hex("404142434445464748494a4b4c4d4e4f5051525354555657");
    let aad = hex("50515253c0c1c2c3c4c5c6c7");
    let message = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let key: [u8; 32] = key.try_into().expect("32 bytes");
    let nonce: [u8; 24] = nonce.try_into().expect("24 bytes");
    let sealed = XChaCha20Poly1305::new(&Key::from(key))
        .encrypt(&XNonce::from(nonce), Payload { msg: message, aad: &aad })
        .expect("sealed");
    assert_eq!(sealed[..16], hex("bd6d179d3e83d43b9576579493c0e939"));
    assert_eq!(sealed[sealed.len() - 16..], hex("c0875924c1c7987947deafd8780acf49"));
}

/// RFC 5869, test case 1.
#[test]
fn the_published_vector_of_hkdf_sha_256_holds() {
    let mut output = [0; 42];
    Hkdf::<Sha256>::new(Some(&hex("000102030405060708090a0b0c")), &[0x0b; 22])
        .expand(&hex("f0f1f2f3f4f5f6f7f8f9"), &mut output)
        .expect("short enough");
    let wanted = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
    assert_eq!(output.to_vec(), hex(wanted));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let mut record = MAGIC.to_vec();
        record.extend_from_slice(&bytes);
        prop_assert!(open(&key(1), Kind::Token, RecordName::of(b"a"), &record).is_err());
        prop_assert!(open(&key(1), Kind::Token, RecordName::of(b"a"), &bytes).is_err());
    }

    #[test]
    fn any_plaintext_comes_back(
        identity in prop::collection::vec(any::<u8>(), 0..300), body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let plain = plain(&identity, &body);
        let record = seal(&key(1), Kind::Refusal, &plain).expect("sealed");
        prop_assert_eq!(open(&key(1), Kind::Refusal, RecordName::of(&identity), &record), Ok(plain));
    }
}
