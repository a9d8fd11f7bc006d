//! What is sent, and what counts as an answer.

use crate::packet::{Pings, Said, TOKEN, Version};
use crate::pings::{Sent, round_trip};
use std::time::Duration;
use tokio::time::Instant;

const IP4: [u8; 20] = [0x45, 0, 0, 84, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];

fn pings(version: Version) -> Pings {
    Pings::new(version, 0x1234, [7; TOKEN], 56)
}

fn reply(version: Version, number: u16) -> Vec<u8> {
    let mut packet = pings(version).request(number);
    packet[0] = version.reply();
    packet
}

#[test]
fn a_ping_is_what_the_documents_say() {
    let four = pings(Version::Four).request(0x0203);
    assert_eq!(four.len(), 8 + 56);
    assert_eq!((four[0], four[1], &four[4..8]), (8, 0, [0x12, 0x34, 2, 3].as_slice()));
    // RFC 1071: the sum of all words, with the checksum among them, is all ones.
    let folded = |packet: &[u8]| {
        let words = packet.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(*w.get(1).unwrap_or(&0)));
        let sum: u32 = words.sum();
        (sum & 0xffff) + (sum >> 16)
    };
    assert_eq!(folded(&four), 0xffff);
    assert_eq!(folded(&Pings::new(Version::Four, 1, [255; TOKEN], 57).request(9)), 0xffff);
    let six = pings(Version::Six).request(1);
    assert_eq!((six[0], &six[2..4]), (128, [0, 0].as_slice()), "the kernel sums");
    assert!(four[8..24].iter().all(|b| *b == 7) && four[24] == 16 && four[63] == 55, "{four:?}");
    assert_eq!(Pings::new(Version::Four, 1, [0; TOKEN], 65_507).request(0).len(), 65_515);
}

#[test]
fn only_an_answer_with_our_bytes_counts() {
    for version in [Version::Four, Version::Six] {
        let ours = pings(version);
        assert_eq!(ours.said(&reply(version, 5)), Said::Answer(5));
        let mut other = reply(version, 5);
        other[8] ^= 1;
        assert_eq!(ours.said(&other), Said::Foreign, "another program's, by its token");
        let mut changed = reply(version, 5);
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(ours.said(&changed), Said::Changed(5));
        let mut long = reply(version, 5);
        long.push(0);
        assert_eq!(ours.said(&long), Said::Changed(5));
        assert_eq!(ours.said(&reply(version, 5)[..30]), Said::Changed(5), "cut off behind the token");
        assert_eq!(ours.said(&ours.request(5)), Said::Foreign, "our own ping, as it loops on this host");
        for length in 0..24 {
            assert_eq!(ours.said(&reply(version, 5)[..length]), Said::Foreign, "{length} bytes");
        }
        let mut code = reply(version, 5);
        code[1] = 1;
        assert_eq!(ours.said(&code), Said::Foreign);
    }
    let behind_ip = [&IP4[..], &reply(Version::Four, 5)].concat();
    assert_eq!(pings(Version::Four).said(&behind_ip), Said::Answer(5));
    let options = [&[0x46][..], &IP4[1..], &[0; 4], &reply(Version::Four, 5)].concat();
    assert_eq!(pings(Version::Four).said(&options), Said::Answer(5));
    assert_eq!(pings(Version::Four).said(&[0x4f; 30]), Said::Foreign, "a header that is longer than all of it");
}

#[test]
fn a_router_quotes_the_ping_that_it_means() {
    for version in [Version::Four, Version::Six] {
        let ours = pings(version);
        let quote = ours.request(3);
        assert_eq!(ours.quoted(&quote[..8], false), Some(3), "no more need be quoted");
        let mut other = quote.clone();
        other[4] ^= 1;
        assert_eq!(ours.quoted(&other, false), None, "another program's");
        assert_eq!(ours.quoted(&other, true), Some(3), "the kernel has sorted by id, and has set it");
        assert_eq!(ours.quoted(&quote[..7], true), None);
        assert_eq!(ours.quoted(&reply(version, 3), true), None, "no ping");
    }
    let behind_ip = [&IP4[..], &pings(Version::Four).request(3)].concat();
    assert_eq!(pings(Version::Four).quoted(&behind_ip, false), Some(3));
}

#[test]
fn the_kernels_time_counts_unless_the_clock_was_set() {
    let at = Instant::now();
    let ping = Sent::new(at, Duration::from_secs(1_000));
    let now = at + Duration::from_millis(80);
    let trip = |stamp: Option<u64>| round_trip(&ping, stamp.map(Duration::from_millis), now).as_millis();
    assert_eq!(trip(Some(1_000_005)), 5, "we were late to look");
    assert_eq!(trip(None), 80);
    assert_eq!(trip(Some(999_000)), 80, "the clock was set back");
    assert_eq!(trip(Some(1_900_000)), 80, "the clock was set forward");
}
