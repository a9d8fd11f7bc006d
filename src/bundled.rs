//! THE list of bundled job kinds. A new kind is one line here and one dependency in `Cargo.toml`; registration at link
//! time would drop a forgotten crate without a word.

use crate::registry::Registry;

/// All job kinds that Checker comes with.
pub fn bundled() -> Registry {
    Registry::new()
        .with::<checker_tcp::Spawner>()
        .with::<checker_http::Spawner>()
        .with::<checker_tls::Spawner>()
        .with::<checker_file::Spawner>()
        .with::<checker_disk::Spawner>()
        .with::<checker_load::Spawner>()
        .with::<checker_memory::Spawner>()
        .with::<checker_smtp::Spawner>()
        .with::<checker_imap::Spawner>()
        .with::<checker_mail::Spawner>()
        .with::<checker_ssh::Spawner>()
        .with::<checker_domain::Spawner>()
        .with::<checker_process::Spawner>()
        .with::<checker_systemd::Spawner>()
        .with::<checker_dns::Spawner>()
        .with::<checker_ping::Spawner>()
        .with_scripts()
        .with::<checker_command::Spawner>()
        .with::<checker_example::Spawner>()
}
