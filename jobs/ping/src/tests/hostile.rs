//! Hosts that answer with anything but an answer: a raw socket for each, in the world.

use super::network::{Look, hold, keys};
use super::world::World;
use checker_job::{Blame, Verdict};
use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A host that answers each ping, of which it gets a proper answer, with these packets; until the test's process ends.
fn host(world: &World, last: u8, answers: impl Fn(Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) {
    let namespace = File::open(world.namespace()).unwrap();
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        let at = SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 0));
        socket.bind(&at.into()).unwrap();
        ready.send(()).unwrap();
        let mut udp: std::net::UdpSocket = socket.into();
        let mut buffer = [0; 4_096];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let ping = &buffer[20..length];
            if ping[0] == 8 {
                let mut answer = ping.to_vec();
                answer[0] = 0;
                for packet in answers(answer) {
                    send(&mut udp, packet, from);
                }
            }
        }
    });
    is_ready.recv().unwrap();
}

fn send(socket: &mut std::net::UdpSocket, mut packet: Vec<u8>, to: SocketAddr) {
    if packet.len() >= 4 {
        packet[2..4].fill(0);
        let words = packet.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(*w.get(1).unwrap_or(&0)));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        packet[2..4].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
    }
    socket2::SockRef::from(&*socket).send_to(&packet, &SockAddr::from(to)).ok();
}

pub(super) fn all(world: &World) {
    // These answer themselves.
    world.shell("echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all");
    host(world, 20, |answer| {
        std::thread::sleep(Duration::from_millis(50));
        vec![answer]
    });
    host(world, 21, |answer| vec![answer.clone(), answer]);
    host(world, 22, |mut answer| {
        *answer.last_mut().unwrap() ^= 1;
        vec![answer]
    });
    // Of another program, by its token.
    host(world, 23, |mut answer| {
        answer[8] ^= 1;
        vec![answer]
    });
    // To pings that were never sent.
    host(world, 24, |mut answer| {
        answer[6] = 7;
        vec![answer]
    });
    host(world, 25, |answer| vec![answer; 1_500]);
    host(world, 26, |answer| {
        let mut other = answer.clone();
        other[0] = 200;
        let mut quote = vec![3, 13, 0, 0, 0, 0, 0, 0];
        quote.extend([0x45; 28]);
        vec![vec![], vec![0], answer[..7].to_vec(), answer[..8].to_vec(), other, quote, vec![0xff; 2_000]]
    });
    let silent = Some(Blame::Silence);
    let limit = |limits: &str| format!("{}{limits}", keys("192.0.2.20"));
    hold(&[
        Look(keys("192.0.2.20"), Verdict::Ok, "192.0.2.20 answers all 5 pings in ", None),
        Look(limit("rtt_warning = \"10ms\""), Verdict::Warning, " ms), longer than rtt_warning = 10 ms", None),
        Look(limit("rtt_warning = \"10ms\"\nrtt_critical = \"20ms\""), Verdict::Failed, "192.0.2.20 answers in ", None),
        Look(keys("192.0.2.21"), Verdict::Warning, "192.0.2.21 answers 5 pings with ", None),
        Look(
            keys("192.0.2.22"),
            Verdict::Failed,
            "192.0.2.22 answers with other bytes than were sent: something on the way damages packets (all 5 pings are lost)",
            None,
        ),
        Look(keys("192.0.2.23"), Verdict::Failed, "192.0.2.23 does not answer within 2 s", silent),
        Look(keys("192.0.2.24"), Verdict::Failed, "192.0.2.24 does not answer within 2 s", silent),
        Look(keys("192.0.2.25"), Verdict::Warning, "192.0.2.25 sends far more packets than were asked for", None),
        Look(keys("192.0.2.26"), Verdict::Failed, "192.0.2.26 does not answer within 2 s", silent),
    ]);
}
