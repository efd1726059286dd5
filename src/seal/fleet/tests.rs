use proptest::prelude::*;

use super::*;

fn key(byte: u8) -> FleetKey {
    FleetKey::from_root(Zeroizing::new([byte; 32]))
}

fn plain(identity: &[u8], body: &[u8]) -> Plain {
    Plain { identity: identity.to_vec(), body: Zeroizing::new(body.to_vec()) }
}

#[test]
fn what_one_host_sealed_another_opens_with_its_order() {
    let plain = plain(b"identity", b"token");
    let name = key(1).name(b"identity");
    let value = seal(&key(1), name, Kind::Shared, 7, &plain).expect("sealed");
    assert_eq!(open(&key(1), name, &value), Ok((Kind::Shared, 7, plain)));
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused_the_order_too() {
    let name = key(1).name(b"identity");
    let value = seal(&key(1), name, Kind::Shared, 7, &plain(b"identity", b"token")).expect("sealed");
    for at in 0..value.len() {
        for bit in 0..8 {
            let mut edited = value.clone();
            edited[at] ^= 1 << bit;
            assert_eq!(open(&key(1), name, &edited), Err(OpenError::Sealed), "byte {at}");
        }
        assert_eq!(open(&key(1), name, &value[..at]), Err(OpenError::Sealed), "cut at {at}");
    }
    assert_eq!(open(&key(1), name, &[value.as_slice(), b"x"].concat()), Err(OpenError::Sealed));
}

#[test]
fn a_value_opens_under_its_own_name_and_key_alone() {
    let name = key(1).name(b"a");
    let value = seal(&key(1), name, Kind::Shared, 1, &plain(b"a", b"token")).expect("sealed");
    assert!(open(&key(1), key(1).name(b"b"), &value).is_err(), "renamed");
    assert!(open(&key(2), name, &value).is_err(), "another key");
    let other = seal(&key(1), name, Kind::Shared, 1, &plain(b"b", b"token")).expect("sealed");
    assert!(open(&key(1), name, &other).is_err(), "of another request");
}

#[test]
fn a_refusal_is_not_a_token_and_the_other_way_round() {
    let name = key(1).name(b"a");
    let mut value = seal(&key(1), name, Kind::FleetRefusal, 1, &plain(b"a", b"no")).expect("sealed");
    assert_eq!(open(&key(1), name, &value), Ok((Kind::FleetRefusal, 1, plain(b"a", b"no"))));
    value[8 + 6] = Kind::Shared.byte();
    assert_eq!(open(&key(1), name, &value), Err(OpenError::Sealed));
}

#[test]
fn two_values_have_nothing_in_common_but_magic_version_kind_and_length() {
    let name = key(1).name(b"a");
    let [a, b] = [(); 2].map(|()| seal(&key(1), name, Kind::Shared, 1, &plain(b"a", b"token")).expect("sealed"));
    assert_eq!(a[..16], b[..16]);
    assert_ne!(a[16..48], b[16..48], "each commits to a key of its own");
    assert_ne!(a[48..72], b[48..72], "each has a nonce of its own");
}

#[test]
fn names_say_nothing_without_the_key_and_epochs_differ_by_secret_text_and_key() {
    assert_ne!(key(1).name(b"a"), key(2).name(b"a"));
    let (one, two) = (Secret::from("one"), Secret::from("two"));
    let epochs = [
        key(1).epoch(EpochOf::Secret(&one)),
        key(1).epoch(EpochOf::Secret(&two)),
        key(1).epoch(EpochOf::Text("one")),
        key(2).epoch(EpochOf::Secret(&one)),
    ];
    for (at, epoch) in epochs.iter().enumerate() {
        assert!(!epochs[at + 1..].contains(epoch), "{at}");
    }
}

#[test]
fn a_key_belongs_to_its_secret_endpoint_client_and_namespace() {
    let of = |secret: &str, endpoint: &str, client: &str, namespace: &str| {
        *FleetKey::derived(&Secret::from(secret), endpoint, client, namespace).expose_root()
    };
    let keys = [
        of("s", "e", "c", "n"),
        of("t", "e", "c", "n"),
        of("s", "f", "c", "n"),
        of("s", "e", "d", "n"),
        of("s", "e", "c", "o"),
        of("s", "ec", "", "n"),
        *FleetKey::explicit(&Secret::from("s"), "n").expose_root(),
        *FleetKey::explicit(&Secret::from("s"), "o").expose_root(),
    ];
    for (at, key) in keys.iter().enumerate() {
        assert!(!keys[at + 1..].contains(key), "{at}");
    }
}

/// Vectors of our own: hosts of this version and of every later one meet.
#[test]
fn what_version_1_derived_and_sealed_stays() {
    let derived = FleetKey::derived(&Secret::from("secret"), "https://issuer.example/token", "client", "default");
    let explicit = FleetKey::explicit(&Secret::new(vec![1; 32]), "default");
    let name = derived.name(b"identity");
    let epoch = derived.epoch(EpochOf::Secret(&Secret::from("secret")));
    let text = derived.epoch(EpochOf::Text("2026"));
    let value = seal_with(&derived, name, Kind::Shared, 3, &plain(b"identity", b"body"), [7; 24]).expect("sealed");
    let lines = [
        derived.expose_root().as_slice(),
        explicit.expose_root(),
        &FleetKey::id_of(&Secret::new(vec![1; 32])),
        &name.0,
        &epoch,
        &text,
        &value,
    ];
    let lines: String = lines.iter().map(|bytes| format!("{}\n", hex::encode(bytes))).collect();
    assert_eq!(lines, include_str!("../../../tests/vectors/shared-v1.hex"));
    assert_eq!(open(&derived, name, &value), Ok((Kind::Shared, 3, plain(b"identity", b"body"))));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let mut value = b"\0\0\0\0\0\0\0\x01TKR1".to_vec();
        value.extend_from_slice(&bytes);
        prop_assert!(open(&key(1), key(1).name(b"a"), &value).is_err());
        prop_assert!(open(&key(1), key(1).name(b"a"), &bytes).is_err());
    }

    #[test]
    fn any_plaintext_comes_back(
        identity in prop::collection::vec(any::<u8>(), 0..300), body in prop::collection::vec(any::<u8>(), 0..600),
        order in any::<u64>(),
    ) {
        let (plain, name) = (plain(&identity, &body), key(1).name(&identity));
        let value = seal(&key(1), name, Kind::Shared, order, &plain).expect("sealed");
        prop_assert_eq!(open(&key(1), name, &value), Ok((Kind::Shared, order, plain)));
    }
}
