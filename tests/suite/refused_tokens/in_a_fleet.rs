//! A refusal on one host of a fleet: the others get the token that came in its place.

use super::{HOST, erases};
use crate::common::redis::RedisServer;
use crate::fleet::host::{at, gets, host_with, issuer, value};

#[test]
fn other_hosts_get_the_token_that_came_in_place_of_a_refused_one() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b, c] = [(); 3].map(|()| host_with(&issuer, &at(&server), &HOST));
    let refused = gets(&a, &[], "issuer");
    assert!(gets(&b, &[], "fleet") == refused);
    assert_eq!(erases(&a, &refused).stderr, "");
    let next = gets(&a, &[], "issuer");
    assert!(next != refused);
    assert_eq!(erases(&b, &refused).stderr, "");
    assert!(gets(&b, &[], "fleet") == next, "its own was refused too, and there is another one");
    assert!(gets(&c, &[], "fleet") == next);
    assert_eq!(issuer.count("/token"), 2);
    // Each host limits what its own clients cause.
    erases(&a, &next).says("rejections_limited");
    erases(&b, &next).says("rejections_limited");
    assert_eq!(erases(&c, &next).stderr, "");
    assert!(gets(&c, &[], "issuer") != next);
    assert_eq!(issuer.count("/token"), 3);
}

#[test]
fn a_refused_token_that_stays_in_the_store_does_not_come_back() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host_with(&issuer, &at(&server), &HOST));
    let refused = gets(&a, &[], "issuer");
    let place = value(&server);
    server.cli(&["COPY", &place, "aside"]);
    assert_eq!(erases(&a, &refused).stderr, "");
    // As if the store could not be reached when the token was taken back.
    server.cli(&["RENAME", "aside", &place]);
    let next = gets(&a, &[], "issuer");
    assert!(next != refused);
    assert!(gets(&b, &[], "fleet") == next);
    assert_eq!(issuer.count("/token"), 2);
}
