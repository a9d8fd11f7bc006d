//! Who this node is.

use crate::store::{Own, Result};
use uuid::Uuid;

/// Where it is kept in the own group.
const NODE: &str = "node";

/// This node's identity, made by whoever asks first.
///
/// # Errors
/// Of the store.
pub fn identity(own: &dyn Own) -> Result<Uuid> {
    if let Some(id) = own.meta(NODE)?.and_then(|t| Uuid::parse_str(&t).ok()) {
        return Ok(id);
    }
    let id = Uuid::now_v7();
    own.set_meta(NODE, Some(&id.to_string()))?;
    Ok(id)
}

/// The system's host name.
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|n| n.into_string().ok());
    name.filter(|n| !n.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}
