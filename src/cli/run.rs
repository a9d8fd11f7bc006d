//! `checker run NAME -- COMMAND`: runs a command and keeps a record of it.

use super::Cx;
use super::args;
use super::exit::{Exit, Failure};
use super::script::brief;
use crate::node::host_name;
use crate::script::wrap::{self, Wrapped};
use crate::script::{check_host, check_name};

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Run) -> Result<Exit, Failure> {
    check_name(&args.name).map_err(Failure::usage)?;
    args.host.as_deref().map_or(Ok(()), check_host).map_err(Failure::usage)?;
    let timeout = args.timeout.as_deref().map(super::script::time).transpose()?;
    if timeout.is_some_and(|t| t.is_zero()) {
        return Err(Failure::usage("--timeout 0 would stop it before it begins"));
    }
    let wrapped = Wrapped {
        name: args.name.clone(),
        host: args.host.clone().unwrap_or_else(host_name),
        command: args.command.clone(),
        timeout,
        lock: args.lock,
    };
    match wrap::run(brief(cx), &wrapped) {
        0 => Ok(Exit::Ok),
        code => Err(Failure::Ended(code)),
    }
}
