//! Where the peers stand: their addresses, and ours on the way to them.

use super::super::world::World;
use crate::decide::bound::together::Place;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::timeout_at;

/// All names must be found within this; what is not found by then is left out.
const RESOLVE: Duration = Duration::from_secs(5);

/// The peers whose addresses can be found.
pub(super) fn places(world: &World) -> Vec<Place> {
    let ends: Vec<_> = world.settings.peers.iter().filter_map(|p| Some((p.name.clone(), p.endpoint()?))).collect();
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let found = runtime.block_on(async {
        let deadline = tokio::time::Instant::now() + RESOLVE;
        let mut found = Vec::new();
        for (name, end) in ends {
            if let Ok(Ok(addresses)) = timeout_at(deadline, end.resolve()).await {
                found.push((name, addresses));
            } else {
                tracing::debug!("where {name} stands is not known: its name was not found");
            }
        }
        found
    });
    // A resolver that is silent holds up nobody.
    runtime.shutdown_background();
    let place = |(name, addresses): (String, Vec<SocketAddr>)| Place {
        name,
        ours: addresses.iter().filter_map(|to| ours(*to)).collect(),
        addresses: addresses.iter().map(SocketAddr::ip).collect(),
    };
    found.into_iter().map(place).collect()
}

/// Our address on the way to `to`. Nothing is sent: the kernel only looks up the route.
fn ours(to: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|a| a.ip())
}
